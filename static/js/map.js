/* The map of the board: asks the worker what is in view, draws it on a canvas, and says what is pointed at. */
window.Sntry = window.Sntry || {};

Sntry.map = (() => {
  const NAMES_FROM_ZOOM = 10, SHOW_ZOOM = 11, LARGE = 2000;
  const worker = new Worker(document.getElementById("map").dataset.worker);
  let map, layer, popup, tip, looks = [], asked = 0, selected = null, steps = new Map();
  let isFitted = false, isOwnMove = false, waiting = null, sentAt = 0;

  function start() {
    map = L.map("map", { zoomSnap: 0.25, minZoom: 2, maxZoom: 18, worldCopyJump: true, zoomControl: false });
    L.control.zoom({ position: "topright" }).addTo(map);
    L.control.scale({ position: "bottomright" }).addTo(map);
    map.attributionControl.setPrefix("Leaflet");
    map.createPane("centres").style.zIndex = 430;
    const pane = map.createPane("marks");
    pane.style.zIndex = 450;
    pane.style.pointerEvents = "none";
    setStart();
    Sntry.marks.readColours();
    layer = new Sntry.marks.Layer(paint).addTo(map);
    popup = L.popup({ autoPanPadding: [24, 24], offset: [0, -6] });
    tip = L.tooltip({ direction: "top", offset: [0, -12] });
    const tiles = JSON.parse(document.getElementById("tiles").textContent);
    Sntry.baseMap(map, tiles).catch(() => { /* the sites are shown without a ground then */ });
    for (const centre of JSON.parse(document.getElementById("service-centres").textContent)) addCentre(centre);
    listen();
  }

  function setStart() {
    const [latitude, longitude, zoom] = Sntry.address.get("map").split(",").map(Number);
    isFitted = Number.isFinite(zoom) && Math.abs(latitude) <= 90;
    isOwnMove = true;
    map.setView(isFitted ? [latitude, longitude] : [39, -97], isFitted ? zoom : 4, { animate: false });
    isOwnMove = false;
  }

  function listen() {
    map.on("moveend", onMoved);
    map.on("click", (event) => press(hit(event.layerPoint, event.originalEvent)));
    map.on("mousemove", (event) => point(hit(event.layerPoint, event.originalEvent)));
    map.on("mouseout", () => point(null));
    document.addEventListener("sntry:theme", () => { Sntry.marks.readColours(); layer.redraw(); });
    document.addEventListener("sntry:sites", (event) => onSites(event.detail));
    document.getElementById("show-all").addEventListener("click", () => { Sntry.address.set({ map: "" }, { push: true }); fit(); });
    worker.onmessage = ({ data }) => ({ ready: ask, drawn: take, opened: list })[data.type](data);
    document.fonts?.ready.then(() => layer.redraw());
  }

  function addCentre({ name, latitude, longitude }) {
    const icon = L.divIcon({ className: "sntry-icon centre-mark", iconSize: [12, 12] });
    L.marker([latitude, longitude], { icon, keyboard: false, pane: "centres", alt: name }).addTo(map)
      .bindTooltip(textNode(`${name} (service centre)`));
  }

  function textNode(text) {
    const span = document.createElement("span");
    span.textContent = text;
    return span;
  }

  function onSites(what) {
    if (what === "hidden") return;
    if (what === "whole") {
      const { longitude, latitude, city } = Sntry.sites.place;
      worker.postMessage({ type: "places", longitude, latitude, city });
      asked += 1; // an answer about the sites before is worth nothing now
      looks = [];
      selected = null;
      sentAt = 0;
      if (!isFitted && Sntry.sites.size) { fit(); isFitted = true; }
    }
    if (waiting) return;
    // Large networks are clustered anew every two seconds at most.
    const wait = Sntry.sites.size > LARGE ? Math.max(0, sentAt + 2000 - performance.now()) : 0;
    waiting = setTimeout(send, wait);
  }

  function send() {
    waiting = null;
    sentAt = performance.now();
    const { available, occupied, out, level } = Sntry.sites.now;
    const shown = Uint8Array.from(level, (_, row) => Sntry.sites.isShown(row));
    worker.postMessage({ type: "states", available, occupied, out, level, shown });
    if (popup.isOpen() && popup.row !== undefined) tellOf(popup.row);
  }

  function ask() {
    const bounds = map.getBounds().pad(0.35);
    const box = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
    asked += 1;
    worker.postMessage({ type: "view", box, zoom: Math.floor(map.getZoom()), number: asked });
  }

  function onMoved() {
    ask();
    if (isFitted && !isOwnMove) {
      const { lat, lng } = map.getCenter();
      Sntry.address.set({ map: `${lat.toFixed(4)},${lng.toFixed(4)},${map.getZoom()}` });
    }
    document.dispatchEvent(new Event("sntry:moved"));
  }

  function take(drawn) {
    if (drawn.number !== asked) return;
    looks = Array.from(drawn.id, (id, at) => (drawn.isCluster[at] ? clusterLook(drawn, at) : siteLook(id)));
    for (const row of outstanding()) {
      looks = looks.filter((look) => look.row !== row);
      looks.push(siteLook(row));
    }
    looks.sort((a, b) => a.height - b.height);
    Sntry.placeLabels([...looks].reverse(), (look) => map.latLngToContainerPoint(look.at), map.getSize());
    layer.redraw();
    document.body.dataset.drawn = looks.length;
  }

  /* Rows that are drawn by themselves whatever lies around them: the chosen one and the stops of a route. */
  function outstanding() {
    const rows = new Set(steps.keys());
    if (selected !== null) rows.add(selected);
    return [...rows].filter((row) => Sntry.sites.isShown(row));
  }

  function clusterLook(drawn, at) {
    const sites = drawn.sites[at], critical = drawn.critical[at], watch = drawn.watch[at];
    const text = drawn.city[at] >= 0 ? Sntry.sites.words.city[drawn.city[at]] : "";
    return {
      cluster: drawn.id[at], at: [drawn.latitude[at], drawn.longitude[at]], text, count: sites.toLocaleString("en"),
      size: Math.round(34 + Math.min(20, 2.2 * Math.log2(sites))), shares: [...drawn.shares.subarray(5 * at, 5 * at + 5)],
      height: critical ? 2 : 1,
      label: `${text ? `${text}: ` : ""}${sites} sites, ${critical} critical, ${watch} on watch. Press to zoom in.`,
    };
  }

  function siteLook(row) {
    const { place, now } = Sntry.sites, name = place.name[row];
    const step = steps.get(row), risk = now.risk[row];
    return {
      row, at: [place.latitude[row], place.longitude[row]], size: Sntry.marks.SITE, state: Sntry.sites.stateOf(row),
      isSelected: row === selected, isStressed: Boolean(now.stressed[row]), step: step && String(step),
      text: map.getZoom() >= NAMES_FROM_ZOOM || row === selected ? name : "",
      height: 3 + now.level[row] + (row === selected || step ? 9 : 0),
      label: `${name}: ${Sntry.sites.stateOf(row)}${risk < 0 ? "" : `, risk ${risk} %`}`,
    };
  }

  function paint(context) {
    for (const look of looks) {
      const { x, y } = map.latLngToLayerPoint(look.at);
      Sntry.marks.draw(context, { ...look, x, y });
    }
  }

  /* The drawing under the pointer, the topmost first; a finger needs more room than a mouse. */
  function hit(point, event) {
    const margin = event?.pointerType === "touch" ? 9 : 2;
    for (let at = looks.length - 1; at >= 0; at -= 1) {
      const reach = looks[at].size / 2 + margin;
      if (map.latLngToLayerPoint(looks[at].at).distanceTo(point) <= reach) return looks[at];
    }
    return null;
  }

  function point(look) {
    map.getContainer().classList.toggle("is-pointing", look !== null);
    if (look === null) { tip.remove(); return; }
    tip.setLatLng(look.at).setContent(textNode(look.label));
    if (!map.hasLayer(tip)) tip.addTo(map);
  }

  function press(look) {
    if (look === null) return;
    tip.remove();
    if (look.row !== undefined) { Sntry.list.select(Sntry.sites.ids[look.row]); return; }
    popup.place = look.at;
    worker.postMessage({ type: "open", cluster: look.cluster, number: asked });
  }

  /* A cluster is opened by zooming in; where the sites lie in one place, as a list. */
  function list({ zoom, rows, number }) {
    if (number !== asked) return;
    if (!rows.length) { map.flyTo(popup.place, zoom, { animate: moves(), duration: 0.4 }); return; }
    const box = document.createElement("div");
    box.className = "popup-list";
    for (const row of rows) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = Sntry.sites.place.name[row];
      button.addEventListener("click", () => Sntry.list.select(Sntry.sites.ids[row]));
      box.append(button);
    }
    popup.row = undefined;
    popup.setLatLng(popup.place).setContent(box).openOn(map);
  }

  function tellOf(row) {
    popup.row = row;
    popup.setContent(Sntry.describe(Sntry.sites.at(row)));
  }

  function fit(rows = Sntry.sites.rowsIn(null)) {
    if (!rows.length) return;
    const { latitude, longitude } = Sntry.sites.place;
    const bounds = L.latLngBounds([]);
    for (const row of rows) bounds.extend([latitude[row], longitude[row]]);
    const isFirst = !isFitted;
    isOwnMove = true;
    map.once("moveend", () => { isOwnMove = false; });
    map.fitBounds(bounds, { paddingTopLeft: [48, 36], paddingBottomRight: [64, 76], animate: moves() && !isFirst, maxZoom: 11 });
  }

  function moves() {
    return !matchMedia("(prefers-reduced-motion: reduce)").matches;
  }

  function select(row, { show = false, isFromAddress = false } = {}) {
    selected = row;
    ask();
    if (row === null) { map.closePopup(popup); return; }
    const at = [Sntry.sites.place.latitude[row], Sntry.sites.place.longitude[row]];
    if (show) map.setView(at, Math.max(map.getZoom(), SHOW_ZOOM), { animate: moves() });
    if (show || map.getBounds().contains(at)) {
      tellOf(row);
      popup.options.autoPan = !isFromAddress; // an address says itself where the map is
      popup.setLatLng(at).openOn(map);
    } else {
      map.closePopup(popup);
    }
  }

  /* Rows -> their numbers on a route. */
  function number(next) {
    steps = next;
    ask();
  }

  function box() {
    const bounds = map.getBounds();
    return { west: bounds.getWest(), south: bounds.getSouth(), east: bounds.getEast(), north: bounds.getNorth() };
  }

  /* Other sites are coming: the map goes to them when they are there. */
  function again() {
    isFitted = Boolean(Sntry.address.get("map"));
  }

  return {
    start, select, fit, number, box, setStart, again,
    get leaflet() { return map; },
    get looks() { return looks; },
  };
})();
