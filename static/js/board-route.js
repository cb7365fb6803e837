/* The way to the worst sites: in the order of what they cost, or the shortest; drawn on the map and told in a list. */
window.Sntry = window.Sntry || {};

Sntry.route = (() => {
  const button = document.getElementById("route-button");
  const panel = document.getElementById("route");
  let line = null, isDashed = false;

  const isOpen = () => button.getAttribute("aria-pressed") === "true";

  async function show(query = Sntry.address.only(["operator", "city", "type", "level", "order"])) {
    button.setAttribute("aria-pressed", "true");
    panel.hidden = false;
    await htmx.ajax("GET", `${panel.dataset.url}?${query}`, { target: "#route", swap: "innerHTML" });
    draw();
  }

  function hide() {
    button.setAttribute("aria-pressed", "false");
    panel.hidden = true;
    panel.replaceChildren();
    if (line) line.remove();
    line = null;
    Sntry.map.number(new Map());
  }

  function draw() {
    if (line) line.remove();
    line = null;
    const data = document.getElementById("route-data");
    if (!data || !isOpen()) return;
    const route = JSON.parse(data.textContent);
    isDashed = route.is_estimate;
    line = L.polyline(route.geometry, { interactive: false }).addTo(Sntry.map.leaflet);
    paint();
    const rows = route.stops.map((id, at) => [Sntry.sites.row(id), at + 1]).filter(([row]) => row !== undefined);
    Sntry.map.number(new Map(rows));
    Sntry.map.leaflet.fitBounds(line.getBounds().pad(0.2), { maxZoom: 12, animate: false });
  }

  function paint() {
    if (line) line.setStyle({ color: Sntry.colour("action"), weight: 4, dashArray: isDashed ? "2 8" : null });
  }

  function start() {
    button.addEventListener("click", () => (isOpen() ? hide() : show()));
    document.addEventListener("sntry:theme", paint);
    panel.addEventListener("change", (event) => { show(new URLSearchParams(new FormData(event.target.form)).toString()); });
    panel.addEventListener("click", (event) => { if (event.target.closest("#route-close")) { hide(); button.focus(); } });
  }

  return { start, hide };
})();
