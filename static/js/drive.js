/* The driver's page. The place never leaves this script: it asks for the sites of cells half a degree wide, from the
   nearest on until no other can hold a nearer or a better one, and measures the distances here. The same sums as in sntry_site/drive.py; a test holds the two together. */
window.Sntry = window.Sntry || {};

Sntry.drive = (() => {
  const EARTH_KM = 6371.0088, DETOUR = 1.3, SPEED_KMH = 45, CELL = 0.5, NEAREST = 3, AT_ONCE = 4;
  const STRESS = {
    calm: ["Calm", "available", "●"], busy: ["Busy", "in-use", "■"], full: ["Full", "watch", "◆"],
    unsure: ["May fail today", "watch", "◆"], out: ["Out of service", "critical", "▲"],
    unknown: ["Not heard of lately", "offline", "○"],
  };
  const by = (id) => document.getElementById(id);
  let place = null, shown = null, map = null, line = null, marks = null;

  function kilometres(from, to) {
    const radians = Math.PI / 180;
    const north = Math.sin(((to[0] - from[0]) * radians) / 2), east = Math.sin(((to[1] - from[1]) * radians) / 2);
    const chord = north * north + Math.cos(from[0] * radians) * Math.cos(to[0] * radians) * east * east;
    return 2 * EARTH_KM * Math.asin(Math.sqrt(Math.min(1, chord)));
  }

  function placeOf(typed, cities) {
    const found = /^\s*(-?\d{1,2}(?:\.\d+)?)\s*[,; ]\s*(-?\d{1,3}(?:\.\d+)?)\s*$/.exec(typed);
    if (found) {
      const [latitude, longitude] = [Number(found[1]), Number(found[2])];
      return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? [latitude, longitude] : null;
    }
    const [name, region] = [...typed.split(","), ""].map((part) => part.trim().toLowerCase());
    const all = cities.filter((city) => city[0].toLowerCase() === name);
    const there = all.filter((city) => city[1].toLowerCase() === region);
    const [most] = (there.length ? there : all).sort((a, b) => b[4] - a[4]);
    return most ? [most[2], most[3]] : null;
  }

  /* The cells, each with the km to its nearest point, the nearest first. */
  function byDistance(from, cells) {
    const within = (value, low) => Math.min(Math.max(value, low), low + CELL);
    const far = cells.map(([row, column]) => {
      const south = row * CELL, west = column * CELL;
      const meridian = from[1] + 360 * Math.round((west + CELL / 2 - from[1]) / 360); // -179.9 and 180 are neighbours
      return { name: `${row}_${column}`, km: kilometres(from, [within(from[0], south), within(meridian, west)]) };
    });
    return far.sort((a, b) => a.km - b.km);
  }

  async function advice(cells, from, sitesOf = sitesOfCell) {
    const reach = Number(by("drive").dataset.reach), order = byDistance(from, cells);
    let nearest = [], best = null;
    const isNeeded = ({ km }) => nearest.length < NEAREST || nearest[NEAREST - 1].km > km
      || (km <= reach && !(best && best.cost <= km / 10));
    while (order.length && isNeeded(order[0])) {
      const some = order.splice(0, AT_ONCE).filter(isNeeded);
      const found = (await Promise.all(some.map(sitesOf))).flat().map((site) => {
        const km = kilometres(from, [site.latitude, site.longitude]);
        return { ...site, km, cost: km / 10 + site.comparable };
      });
      nearest = [...nearest, ...found].sort((a, b) => a.km - b.km).slice(0, NEAREST);
      const choices = found.filter((site) => site.choice && site.km <= reach);
      best = choices.reduce((least, site) => (least && least.cost <= site.cost ? least : site), best);
    }
    return { nearest, best };
  }

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  const minutes = (km) => Math.max(1, Math.round((km * DETOUR) / SPEED_KMH * 60));

  /* Phones open their map; elsewhere a map of the web does, which is asked only when somebody presses. */
  function navigation(there) {
    if (/iPhone|iPad|iPod/.test(navigator.userAgent)) return `maps://?daddr=${there}`;
    return /Android/.test(navigator.userAgent) ? `geo:${there}?q=${there}` : `https://www.openstreetmap.org/directions?to=${there}`;
  }

  /* When the price changes: in the zone of the site, exactly on hover. */
  function moment(site) {
    const made = element("time", site.changes_there);
    made.dateTime = made.title = site.changes_at;
    return made;
  }

  function button(text, act) {
    const made = element("button", text, "button wide");
    made.type = "button";
    made.addEventListener("click", () => act(made));
    return made;
  }

  function card(site, isBest) {
    const whole = element("article", "", `card stop${isBest ? " best" : ""}`);
    const head = element("header"), [word, colour, shape] = STRESS[site.stress];
    const badge = element("span", "", `badge ${colour}`), sign = element("span", shape);
    sign.setAttribute("aria-hidden", "true");
    badge.append(sign, ` ${word}`);
    head.append(element("h3", site.name), badge);
    const cost = element("p", "", "stop-price");
    const next = element("span", site.changes_at ? `then ${site.next_price} from ` : "no change known", "quiet");
    if (site.changes_at) next.append(moment(site));
    cost.append(element("span", site.price, "figure"), next);
    const free = site.free === null ? "ports not known" : `${site.free} of ${site.ports} ports free`;
    const about = element("p", `${site.km.toFixed(1)} km · about ${minutes(site.km)} min (estimate) · ${free}`);
    const links = element("p", "", "stop-links"), go = element("a", "Navigate", "button wide");
    go.rel = "noreferrer";
    go.href = navigation(`${site.latitude},${site.longitude}`);
    const history = element("div");
    links.append(go, button("Map", () => show(site, true)), button("Prices", (pressed) => prices(site, history, pressed)));
    whole.append(head, cost, about, element("p", [site.operator, site.kind, site.city].filter(Boolean).join(" · "), "quiet"), links, history);
    return whole;
  }

  async function prices(site, holder, pressed) {
    const isOpen = holder.hasChildNodes();
    pressed.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) { holder.replaceChildren(); return; }
    const answer = await fetch(by("drive").dataset.prices.replace("/0/", `/${encodeURIComponent(site.id)}/`)).catch(() => null);
    if (!answer?.ok) { holder.replaceChildren(element("p", "The prices could not be loaded; try again.", "quiet")); return; }
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html"); // of our own server, which escapes
    holder.replaceChildren(...parsed.body.children);
  }

  function section(title, id, ...inside) {
    const made = element("section"), heading = element("h2", title);
    heading.id = id;
    made.setAttribute("aria-labelledby", id);
    made.append(heading, ...inside);
    return made;
  }

  function tell(text) {
    by("drive-note").hidden = !text;
    by("drive-note").textContent = text;
  }

  async function told(address) {
    const answer = await fetch(address, { credentials: "omit" }).catch(() => null);
    if (answer?.status === 429) throw new Error("Too many requests from here; please wait a minute.");
    if (answer?.status === 404) return []; // the last site of a cell has been taken off the map
    if (!answer?.ok) throw new Error("The sites could not be loaded; try again in a moment.");
    return answer.json();
  }

  const sitesOfCell = ({ name }) => told(by("drive").dataset.cell.replace("CELL", name));

  async function answer(find) {
    tell("Looking…");
    try {
      const { cells, cities } = await told(by("drive").dataset.map);
      if (!cells.length) { tell("No site has been put on the map yet."); return; }
      place = await find(cities);
      if (!place) { tell(`No site is known in “${by("place").value}”. Type a city that has sites, or a latitude and a longitude such as 30.27, -97.74.`); return; }
      const { nearest, best } = await advice(cells, place);
      if (!nearest.length) { tell("Nothing is known of the sites here yet; try again in a minute."); return; }
      tell("");
      const reach = by("drive").dataset.reach;
      const why = best && element("p", `Lowest km / 10 + price per kWh of the healthy sites under 90 % in use within ${reach} km: ${best.km.toFixed(1)} / 10 + ${best.comparable.toFixed(2)} = ${best.cost.toFixed(2)}.`, "quiet why");
      const first = best ? section("Best choice", "best-title", card(best, true), why) : element("p", `No site within ${reach} km is healthy and has room now. The nearest are below.`, "notice");
      by("answer").replaceChildren(first, section("Nearest three", "near-title", ...nearest.map((site) => card(site, false))));
      show(best || nearest[0], false);
    } catch (error) {
      tell(error.message);
    }
  }

  function show(site, scroll) {
    shown = site;
    by("map-card").hidden = false;
    if (!map) {
      map = L.map("map", { zoomSnap: 0.25, minZoom: 2, maxZoom: 18 });
      map.attributionControl.setPrefix("Leaflet");
      Sntry.baseMap(map, JSON.parse(by("tiles").textContent)).catch(() => { /* the way is shown without a ground */ });
      document.addEventListener("sntry:theme", () => line?.setStyle({ color: Sntry.colour("action") }));
    }
    by("turns")?.replaceChildren();
    draw([place, [site.latitude, site.longitude]], true, site.km * DETOUR, minutes(site.km));
    if (scroll) by("map-card").scrollIntoView({ block: "nearest" });
  }

  function draw(points, isEstimate, km, time) {
    line?.remove();
    marks?.remove();
    line = L.polyline(points, { color: Sntry.colour("action"), weight: 4, dashArray: isEstimate ? "2 8" : null, interactive: false }).addTo(map);
    const end = L.circleMarker([shown.latitude, shown.longitude], { radius: 8, color: Sntry.colour("action"), fillOpacity: 1, interactive: false });
    const start = L.circleMarker(place, { radius: 6, color: Sntry.colour("ink"), fillOpacity: 0, interactive: false });
    marks = L.layerGroup([start, end]).addTo(map);
    map.fitBounds(line.getBounds().pad(0.2), { maxZoom: 15, animate: false });
    by("way-label").hidden = !isEstimate;
    by("way-words").textContent = `${shown.name}: ${km.toFixed(1)} km, ${Math.round(time)} min`;
  }

  async function byRoad() {
    const body = new URLSearchParams({ site: shown.id, place: place.map((degrees) => degrees.toFixed(3)).join(", ") });
    const reply = await fetch(by("by-road").dataset.url, { method: "POST", body, credentials: "omit" }).catch(() => null);
    if (!reply?.ok) { tell("The way by road could not be found; the straight line is an estimate."); return; }
    const way = await reply.json();
    draw(way.geometry, way.is_estimate, way.km, way.minutes);
    by("turns").replaceChildren(...way.turns.map((turn) => element("li", turn)));
  }

  function locate() {
    const find = () => new Promise((resolve, reject) => navigator.geolocation.getCurrentPosition(
      ({ coords }) => resolve([coords.latitude, coords.longitude]),
      () => reject(new Error("Your browser did not say where you are. Type a city or coordinates instead.")),
      { timeout: 10000, maximumAge: 60000 },
    ));
    answer(find);
  }

  function start() {
    by("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      answer((cities) => placeOf(by("place").value, cities));
    });
    by("locate").hidden = !navigator.geolocation;
    by("locate").addEventListener("click", locate);
    by("by-road")?.addEventListener("click", byRoad);
  }

  document.addEventListener("DOMContentLoaded", start);
  return { advice, placeOf };
})();
