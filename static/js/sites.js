/* All sites that the page knows, as columns of numbers: now, and at the moment of the past that is shown instead. */
window.Sntry = window.Sntry || {};

Sntry.sites = (() => {
  const PLACE = {
    latitude: Float64Array, longitude: Float64Array, ports: Uint16Array, kw: Uint16Array, minutes: Uint16Array,
    usual: Uint8Array, city: Uint16Array, operator: Uint16Array, type: Uint8Array, external_id: Array, name: Array,
  };
  const MOVING = {
    available: Uint16Array, occupied: Uint16Array, out: Uint16Array, utilization: Uint16Array, risk: Int16Array,
    level: Uint8Array, wait: Uint16Array, temperature: Int16Array, loss: Float64Array, index: Float64Array,
    stressed: Uint8Array, price: Array, reason: Array,
  };
  const NO_RISK = -1;
  const LEVELS = ["low", "watch", "critical"];
  let ids = [], rowOf = new Map(), place = {}, live = {}, past = null, words = {}, level = "";

  function columnsOf(kinds, size) {
    return Object.fromEntries(Object.entries(kinds).map(([name, Kind]) => [name, new Kind(size)]));
  }

  function write(column, row, value) {
    column[row] = value === null && column instanceof Int16Array ? NO_RISK : value;
  }

  /* A frame of the socket. Sites that the snapshot did not hold have no place to be shown at. */
  function take(columns, isWhole, newWords) {
    // Read again, and the same sites: what is shown of the past, and where rows stand, may stay.
    const isSame = isWhole && ids.length === columns.id.length && ids.every((id, at) => id === columns.id[at]);
    if (isWhole && !isSame) {
      ids = columns.id;
      rowOf = new Map(ids.map((id, row) => [id, row]));
      place = columnsOf(PLACE, ids.length);
      live = columnsOf(MOVING, ids.length);
      past = null;
    }
    if (isWhole) words = newWords;
    const names = Object.keys(isWhole ? { ...PLACE, ...MOVING } : MOVING);
    for (const name of names) {
      const target = name in PLACE ? place[name] : live[name];
      columns.id.forEach((id, at) => {
        const row = rowOf.get(id);
        if (row !== undefined) write(target, row, columns[name][at]);
      });
    }
    tell(isWhole && !isSame ? "whole" : past ? "hidden" : "moved");
  }

  /* A moment of the past instead of the present; null: the present again. */
  function showPast(columns) {
    past = null;
    if (columns) {
      past = { ...columnsOf(MOVING, ids.length), known: new Uint8Array(ids.length) };
      columns.id.forEach((id, at) => {
        const row = rowOf.get(id);
        if (row === undefined) return;
        past.known[row] = 1;
        for (const name of Object.keys(MOVING)) write(past[name], row, columns[name][at]);
      });
    }
    tell("moved");
  }

  function tell(what) {
    document.dispatchEvent(new CustomEvent("sntry:sites", { detail: what }));
  }

  function narrow(next) {
    if (next === level) return;
    level = next;
    tell("moved");
  }

  /* Whether a row is to be shown: it has been measured then, and is of the level that is asked for. */
  function isShown(row) {
    if (past && !past.known[row]) return false;
    if (!level) return true;
    const its = now().level[row];
    return level === "risk" ? its > 0 : LEVELS[its] === level;
  }

  const now = () => past || live;

  /* Rows inside of a box of degrees (west may lie beyond east where the world goes round), all without one. */
  function rowsIn(box) {
    const rows = [];
    for (let row = 0; row < ids.length; row += 1) {
      if (isShown(row) && (!box || contains(box, row))) rows.push(row);
    }
    return rows;
  }

  function contains({ west, south, east, north }, row) {
    const latitude = place.latitude[row];
    if (latitude < south || latitude > north) return false;
    const turned = west + ((((place.longitude[row] - west) % 360) + 360) % 360);
    return turned <= east;
  }

  /* One site as an object, for what is said of it. */
  function at(row) {
    const site = { id: ids[row], row };
    for (const name of Object.keys(PLACE)) site[name] = name in words ? words[name][place[name][row]] : place[name][row];
    for (const name of Object.keys(MOVING)) site[name] = now()[name][row];
    site.level = LEVELS[site.level];
    site.risk = site.risk === NO_RISK ? null : site.risk;
    return site;
  }

  function stateOf(row) {
    const columns = now();
    if (columns.level[row]) return LEVELS[columns.level[row]];
    if (columns.out[row] && columns.available[row] + columns.occupied[row] === 0) return "offline";
    return columns.available[row] === 0 && columns.occupied[row] ? "in-use" : "available";
  }

  return {
    take, showPast, narrow, rowsIn, at, stateOf, isShown,
    row: (id) => rowOf.get(id),
    rowNamed: (externalId) => place.external_id ? place.external_id.indexOf(externalId) : -1,
    get size() { return ids.length; },
    get ids() { return ids; },
    get place() { return place; },
    get now() { return now(); },
    get words() { return words; },
    get isPast() { return past !== null; },
  };
})();
