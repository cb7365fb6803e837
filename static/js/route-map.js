/* A day's route: the line on the map, numbered stops, and the list of turns. All names are set as text. */
window.Sntry = window.Sntry || {};

Sntry.routeMap = (() => {
  let map, line;

  async function start() {
    const holder = document.getElementById("map");
    const note = document.getElementById("route-note");
    let route;
    try {
      const answer = await fetch(holder.dataset.route, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.status);
      route = await answer.json();
    } catch {
      note.textContent = "The route could not be loaded; the list of your day has every address.";
      return;
    }
    note.textContent = summary(route);
    const isEmpty = route.stops.length === 0;
    document.getElementById("route-label").hidden = isEmpty || !route.is_estimate;
    list(route);
    holder.hidden = isEmpty;
    if (!isEmpty) draw(route);
  }

  function summary(route) {
    if (!route.stops.length) return "No stop of today has a place on the map.";
    const whole = `${route.stops.length} ${route.stops.length === 1 ? "stop" : "stops"}, ${distance(route.km)}, ${time(route.minutes)} of driving`;
    return route.is_estimate ? `${whole}. Straight lines × 1.3 at 45 km/h; there is no list of turns (${route.why}).` : `${whole}.`;
  }

  const distance = (km) => (km < 0.995 ? `${Math.round(km * 100) * 10} m` : `${km.toFixed(km < 10 ? 1 : 0)} km`);
  const time = (minutes) => (minutes < 60 ? `${Math.round(minutes)} min` : `${Math.floor(minutes / 60)} h ${Math.round(minutes % 60)} min`);

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function list(route) {
    const stops = route.stops.map((stop) => {
      const item = element("li", "", "route-stop");
      const link = element("a", `${stop.order} ${stop.title}`);
      link.href = stop.url;
      item.append(link, element("p", `${stop.site} · ${distance(stop.km)}, ${time(stop.minutes)} from ${stop.number === 1 ? route.start.name : "the stop before"}`, "quiet"));
      if (stop.steps.length) item.append(turns(stop.steps));
      return item;
    });
    document.getElementById("route-stops").replaceChildren(...stops);
    const lost = document.getElementById("route-lost");
    lost.hidden = !route.unplaced.length;
    lost.textContent = `Not on the map: ${route.unplaced.map((one) => one.order).join(", ")}.`;
  }

  function turns(steps) {
    const whole = element("details");
    const some = element("ol", "", "route-turns");
    for (const step of steps) {
      const turn = element("li");
      const button = element("button", step.text, "link");
      button.type = "button";
      button.addEventListener("click", () => show(step));
      turn.append(button, element("span", step.km ? distance(step.km) : "", "quiet"));
      some.append(turn);
    }
    whole.append(element("summary", `${steps.length} turns`), some);
    return whole;
  }

  function show(place) {
    if (!map) return;
    map.setView([place.latitude, place.longitude], 16);
    map.getContainer().scrollIntoView({ block: "nearest" });
  }

  function draw(route) {
    const tiles = JSON.parse(document.getElementById("tiles").textContent);
    map = L.map("map", { zoomSnap: 0.25, minZoom: 2, maxZoom: 18 });
    map.attributionControl.setPrefix("Leaflet");
    Sntry.baseMap(map, tiles).catch(() => { /* the route is shown without a ground then */ });
    const paint = () => line.setStyle({ color: Sntry.colour("action"), weight: 4, dashArray: route.is_estimate ? "2 8" : null });
    line = L.polyline(route.geometry, { interactive: false }).addTo(map);
    paint();
    document.addEventListener("sntry:theme", paint);
    mark(route.start, "", route.start.name);
    for (const stop of route.stops) mark(stop, String(stop.number), `${stop.number}: ${stop.site}`);
    map.fitBounds(line.getBounds().pad(0.15), { maxZoom: 14, animate: false });
  }

  function mark(place, number, name) {
    const drawing = element("span", number, number ? "route-mark" : "route-mark start");
    const icon = L.divIcon({ className: "sntry-icon", html: drawing, iconSize: [26, 26] });
    const marker = L.marker([place.latitude, place.longitude], { icon, zIndexOffset: number ? 100 : 0 });
    marker.on("add", () => marker.getElement().setAttribute("aria-label", name)).addTo(map);
    marker.bindTooltip(element("span", name));
  }

  document.addEventListener("DOMContentLoaded", start);
  return { start };
})();
