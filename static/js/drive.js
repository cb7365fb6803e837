/* The driver's page. The place never leaves this script: all sites are fetched, distances are measured here.
   The same sums as in sntry_site/drive.py; a test holds the two together. */
window.Sntry = window.Sntry || {};

Sntry.drive = (() => {
  const EARTH_KM = 6371.0088, DETOUR = 1.3, SPEED_KMH = 45;
  const STRESS = {
    calm: ["Calm", "available", "●"], busy: ["Busy", "in-use", "■"], full: ["Full", "watch", "◆"],
    unsure: ["May fail today", "watch", "◆"], out: ["Out of service", "critical", "▲"],
    unknown: ["Not heard of lately", "offline", "○"],
  };
  const by = (id) => document.getElementById(id);
  let place = null, shown = null, map = null, line = null, marks = null;

  function kilometres(from, site) {
    const radians = Math.PI / 180;
    const north = Math.sin(((site.latitude - from[0]) * radians) / 2);
    const east = Math.sin(((site.longitude - from[1]) * radians) / 2);
    const chord = north * north + Math.cos(from[0] * radians) * Math.cos(site.latitude * radians) * east * east;
    return 2 * EARTH_KM * Math.asin(Math.sqrt(Math.min(1, chord)));
  }

  function placeOf(typed, sites) {
    const found = /^\s*(-?\d{1,2}(?:\.\d+)?)\s*[,; ]\s*(-?\d{1,3}(?:\.\d+)?)\s*$/.exec(typed);
    if (found) {
      const [latitude, longitude] = [Number(found[1]), Number(found[2])];
      return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? [latitude, longitude] : null;
    }
    const wanted = typed.split(",")[0].trim().toLowerCase();
    const there = sites.filter((site) => wanted && site.city.toLowerCase() === wanted);
    const mean = (axis) => there.reduce((sum, site) => sum + site[axis], 0) / there.length;
    return there.length ? [mean("latitude"), mean("longitude")] : null;
  }

  function advice(sites, from) {
    const near = sites.map((site) => ({ ...site, km: kilometres(from, site) })).sort((a, b) => a.km - b.km);
    const choices = near.filter((site) => site.choice).map((site) => ({ ...site, cost: site.km / 10 + site.comparable }));
    const best = choices.reduce((least, site) => (least && least.cost <= site.cost ? least : site), null);
    return { nearest: near.slice(0, 3), best, choices: choices.length };
  }

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  const minutes = (km) => Math.max(1, Math.round((km * DETOUR) / SPEED_KMH * 60));
  const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", timeZoneName: "short" });

  /* Phones open their map; elsewhere a map of the web does, which is asked only when somebody presses. */
  function navigation(there) {
    if (/iPhone|iPad|iPod/.test(navigator.userAgent)) return `maps://?daddr=${there}`;
    return /Android/.test(navigator.userAgent) ? `geo:${there}?q=${there}` : `https://www.openstreetmap.org/directions?to=${there}`;
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
    const next = element("span", site.changes_at ? `then ${site.next_price} from ${clock(site.changes_at)}` : "no change known", "quiet");
    if (site.changes_at) next.title = site.changes_at;
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

  async function sites() {
    const answer = await fetch(by("drive").dataset.sites, { credentials: "omit" });
    if (answer.status === 429) throw new Error("Too many requests from here; please wait a minute.");
    if (!answer.ok) throw new Error("The sites could not be loaded; try again in a moment.");
    return (await answer.json()).sites;
  }

  async function answer(find) {
    tell("Looking…");
    try {
      const all = await sites();
      if (!all.length) { tell("No site has been put on the map yet."); return; }
      place = await find(all);
      if (!place) { tell(`No site is known in “${by("place").value}”. Type a city that has sites, or a latitude and a longitude such as 30.27, -97.74.`); return; }
      tell("");
      const { nearest, best, choices } = advice(all, place);
      const why = best && element("p", `Lowest distance / 10 + price per kWh: ${best.km.toFixed(1)} / 10 + ${best.comparable.toFixed(2)} = ${best.cost.toFixed(2)}, of ${choices} healthy sites under 90 % in use.`, "quiet why");
      const first = best ? section("Best choice", "best-title", card(best, true), why) : element("p", "No site is healthy and has room now. The nearest are below.", "notice");
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
      answer((all) => placeOf(by("place").value, all));
    });
    by("locate").hidden = !navigator.geolocation;
    by("locate").addEventListener("click", locate);
    by("by-road")?.addEventListener("click", byRoad);
  }

  document.addEventListener("DOMContentLoaded", start);
  return { advice, placeOf };
})();
