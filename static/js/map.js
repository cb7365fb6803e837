/* The map of the board: clusters as rings, sites as shapes. It holds the data of all sites and draws what is in view. */
window.Sntry = window.Sntry || {};

Sntry.map = (() => {
  const NAMES_FROM_ZOOM = 10;
  const LEVELS = ["low", "watch", "critical"];
  const sites = new Map();
  const shown = new Map();
  let map, layer, index, popup, selected = null, drawn = false, waiting = null;

  function start() {
    const tiles = JSON.parse(document.getElementById("tiles").textContent);
    map = L.map("map", { zoomSnap: 0.25, minZoom: 2, maxZoom: 18, worldCopyJump: true, zoomControl: false });
    L.control.zoom({ position: "topright" }).addTo(map);
    L.control.scale({ position: "bottomright" }).addTo(map);
    map.attributionControl.setPrefix("Leaflet");
    map.setView([39, -97], 4);
    layer = L.layerGroup().addTo(map);
    popup = L.popup({ autoPanPadding: [24, 24], offset: [0, -6] });
    map.on("moveend zoomend", draw);
    Sntry.baseMap(map, tiles).catch(() => { /* the sites are shown without a ground then */ });
    for (const centre of JSON.parse(document.getElementById("service-centres").textContent)) addCentre(centre);
    document.getElementById("show-all").addEventListener("click", fit);
  }

  function addCentre(centre) {
    const marker = L.marker([centre.latitude, centre.longitude], {
      icon: icon(Sntry.shapes.centre(), 12), keyboard: false, zIndexOffset: -1000,
    }).addTo(map);
    marker.bindTooltip(textNode(`${centre.name} (service centre)`));
  }

  function textNode(text) {
    const span = document.createElement("span");
    span.textContent = text;
    return span;
  }

  function icon(svg, size) {
    return L.divIcon({ className: "sntry-icon", html: svg, iconSize: [size, size] });
  }

  /* Columns of parallel lists, as the frames carry them. */
  function take(columns, isWhole) {
    if (isWhole) sites.clear();
    columns.id.forEach((id, row) => {
      const site = sites.get(id) || {};
      for (const name of Object.keys(columns)) site[name] = columns[name][row];
      // A site that the snapshot did not hold has no place to be shown at.
      if (site.latitude !== undefined) sites.set(id, site);
    });
    if (!drawn && sites.size) { drawn = true; fit(); }
    scheduleRebuild();
  }

  function scheduleRebuild() {
    if (waiting) return;
    waiting = setTimeout(() => { waiting = null; rebuild(); }, sites.size > 2000 ? 400 : 30);
  }

  function rebuild() {
    index = new Supercluster({ radius: 44, extent: 256, maxZoom: 15, map: summarise, reduce });
    index.load([...sites.values()].map((site) => ({
      type: "Feature", properties: { site }, geometry: { type: "Point", coordinates: [site.longitude, site.latitude] },
    })));
    draw();
    if (popup.isOpen() && popup.site !== undefined && sites.has(popup.site)) popup.setContent(describe(sites.get(popup.site)));
  }

  function summarise({ site }) {
    const ports = site.available + site.occupied + site.out;
    const shares = site.level === 2 ? [0, 0, 0, ports, 0]
      : site.level === 1 ? [0, 0, ports, 0, 0]
        : [site.available, site.occupied, 0, 0, site.out];
    return { shares, sites: 1, critical: Number(site.level === 2), watch: Number(site.level === 1), cities: { [site.city]: 1 }, isSelected: site.id === selected };
  }

  function reduce(total, one) {
    total.shares = total.shares.map((share, state) => share + one.shares[state]);
    total.sites += one.sites;
    total.critical += one.critical;
    total.watch += one.watch;
    total.isSelected = total.isSelected || one.isSelected;
    total.cities = { ...total.cities };
    for (const [city, count] of Object.entries(one.cities)) total.cities[city] = (total.cities[city] || 0) + count;
  }

  function stateOf(site) {
    if (site.level) return LEVELS[site.level];
    if (site.out && site.available + site.occupied === 0) return "offline";
    return site.available === 0 && site.occupied ? "in-use" : "available";
  }

  function draw() {
    if (!index) return;
    const bounds = map.getBounds().pad(0.2);
    const box = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
    const wanted = new Set();
    const looks = index.getClusters(box, Math.floor(map.getZoom()))
      .map((feature) => (feature.properties.cluster ? clusterLook(feature) : siteLook(feature.properties.site)));
    Sntry.placeLabels(looks, (look) => map.latLngToContainerPoint(look.at), map.getSize());
    for (const look of looks) {
      look.signature = JSON.stringify([look.signature, look.side]);
      wanted.add(look.key);
      place(look);
    }
    for (const [key, entry] of shown) {
      if (!wanted.has(key)) { layer.removeLayer(entry.marker); shown.delete(key); }
    }
  }

  /* Markers that are there stay, so that focus and pointer do not lose them; only a changed drawing is replaced. */
  function place(look) {
    const entry = shown.get(look.key);
    if (entry) {
      entry.onClick = look.onClick;
      if (entry.signature !== look.signature) {
        entry.signature = look.signature;
        const element = entry.marker.getElement();
        element?.replaceChildren(look.drawing());
        element?.setAttribute("aria-label", look.label);
        entry.marker.setTooltipContent(textNode(look.label));
        entry.marker.setZIndexOffset(look.height);
      }
      return;
    }
    const marker = L.marker(look.at, { icon: icon(look.drawing(), look.size), zIndexOffset: look.height });
    const fresh = { marker, signature: look.signature, onClick: look.onClick };
    shown.set(look.key, fresh);
    marker.on("click", () => fresh.onClick());
    marker.bindTooltip(textNode(look.label), { offset: [0, -look.size / 2], direction: "top" });
    layer.addLayer(marker);
    marker.getElement().setAttribute("aria-label", look.label);
  }

  function clusterLook(feature) {
    const all = feature.properties;
    const [longitude, latitude] = feature.geometry.coordinates;
    const [city, inCity] = Object.entries(all.cities).sort((a, b) => b[1] - a[1])[0];
    const where = inCity >= all.sites * 0.6 ? city : "";
    const size = Math.round(34 + Math.min(14, 2.2 * Math.log2(all.sites)));
    return {
      key: `c${Math.floor(map.getZoom())}:${longitude.toFixed(3)}:${latitude.toFixed(3)}:${size}`,
      signature: JSON.stringify([all.shares, all.sites, where, all.isSelected]),
      at: [latitude, longitude], size, text: where, height: all.critical ? 200 : 100,
      label: `${where ? `${where}: ` : ""}${all.sites} sites, ${all.critical} critical, ${all.watch} on watch. Press to zoom in.`,
      drawing() { return Sntry.shapes.ring(size, all.shares, String(all.sites), all.isSelected, this.side && { side: this.side, text: where }); },
      onClick: () => open(all.cluster_id, [latitude, longitude]),
    };
  }

  function siteLook(site) {
    const state = stateOf(site);
    return {
      key: `s${site.id}`,
      signature: JSON.stringify([state, site.id === selected, site.stressed, site.risk]),
      at: [site.latitude, site.longitude], size: 26, text: map.getZoom() >= NAMES_FROM_ZOOM ? site.name : "", height: 300 * site.level,
      label: `${site.name}: ${LEVELS[site.level]}, risk ${site.risk} %`,
      drawing() { return Sntry.shapes.site(state, site.id === selected, site.stressed, this.side && { side: this.side, text: site.name }); },
      onClick: () => Sntry.list.select(site.id),
    };
  }

  function open(cluster, at) {
    const zoom = index.getClusterExpansionZoom(cluster);
    if (zoom <= 15) { map.flyTo(at, zoom, { animate: moves(), duration: 0.5 }); return; }
    const list = document.createElement("div");
    list.className = "popup-list";
    for (const leaf of index.getLeaves(cluster, 50)) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = leaf.properties.site.name;
      button.addEventListener("click", () => Sntry.list.select(leaf.properties.site.id));
      list.append(button);
    }
    popup.site = undefined;
    popup.setLatLng(at).setContent(list).openOn(map);
  }

  function describe(site) {
    const box = document.createElement("div");
    const name = textNode(site.name);
    name.className = "popup-name";
    const facts = document.createElement("dl");
    facts.className = "popup-facts";
    const rows = [
      ["Risk, 24 h", `${site.risk} % (${LEVELS[site.level]})`], ["Price", Sntry.list.price(site.price)],
      ["In use", `${site.utilization} %`], ["Ports free", `${site.available} of ${site.ports}`],
      ["Wait, estimate", `${site.wait} min`], ["Temperature", `${site.temperature} °F`],
    ];
    for (const [term, value] of rows) {
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.textContent = term;
      dd.textContent = value;
      facts.append(dt, dd);
    }
    const why = textNode([site.name.includes(site.operator) ? "" : `${site.operator}.`, site.reason || "Nothing unusual."].join(" ").trim());
    why.className = "popup-why";
    box.append(name, facts, why);
    return box;
  }

  function fit() {
    if (!sites.size) return;
    const places = [...sites.values()].map((site) => [site.latitude, site.longitude]);
    map.fitBounds(L.latLngBounds(places), { paddingTopLeft: [48, 36], paddingBottomRight: [64, 76], animate: moves() && drawn, maxZoom: 11 });
  }

  function moves() {
    return !matchMedia("(prefers-reduced-motion: reduce)").matches;
  }

  function select(id, { show = false } = {}) {
    selected = id;
    rebuild();
    const site = sites.get(id);
    if (!site) { map.closePopup(popup); return; }
    const at = [site.latitude, site.longitude];
    if (show) map.setView(at, Math.max(map.getZoom(), 10), { animate: moves() });
    if (show || shown.has(`s${id}`)) {
      popup.site = id;
      popup.setLatLng(at).setContent(describe(site)).openOn(map);
    } else {
      map.closePopup(popup);
    }
  }

  return { start, take, select, sites };
})();
