/* The dispatch board: orders on the map, how many are chosen, and lanes that stay fresh while nobody is choosing. */
window.Sntry = window.Sntry || {};

Sntry.dispatch = (() => {
  const REFRESH_MILLISECONDS = 15000;
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const lanes = document.getElementById("lanes");

  function drawMap() {
    const map = L.map("map", { zoomSnap: 0.25, minZoom: 2, maxZoom: 18, worldCopyJump: true });
    map.attributionControl.setPrefix("Leaflet");
    map.setView([39, -97], 4);
    Sntry.baseMap(map, read("tiles")).catch(() => { /* the orders are shown without a ground then */ });
    const icon = (svg, size) => L.divIcon({ className: "sntry-icon", html: svg, iconSize: [size, size] });
    const words = (text) => Object.assign(document.createElement("span"), { textContent: text });
    for (const centre of read("service-centres")) {
      L.marker([centre.latitude, centre.longitude], { icon: icon(Sntry.shapes.centre(), 12), keyboard: false, zIndexOffset: -1000 })
        .addTo(map).bindTooltip(words(`${centre.name} (service centre)`));
    }
    const places = [];
    for (const [id, latitude, longitude, colour, name] of read("marks")) {
      const marker = L.marker([latitude, longitude], { icon: icon(Sntry.shapes.site(colour), 26), title: name, alt: name }).addTo(map);
      marker.bindTooltip(words(name));
      marker.on("click keypress", () => show(id));
      places.push([latitude, longitude]);
    }
    if (places.length) map.fitBounds(L.latLngBounds(places).pad(0.15), { maxZoom: 11 });
  }

  function show(id) {
    for (const other of document.querySelectorAll(".order.is-shown")) other.classList.remove("is-shown");
    const card = document.getElementById(`order-${id}`);
    card?.classList.add("is-shown");
    card?.scrollIntoView({ block: "nearest", inline: "nearest" });
    card?.querySelector("a")?.focus({ preventScroll: true });
  }

  const chosen = () => lanes.querySelectorAll("input[name=order]:checked").length;

  function count() {
    const number = chosen();
    document.getElementById("chosen").textContent = number ? `${number} chosen` : "Nothing chosen";
    document.getElementById("assign").disabled = !number;
    document.getElementById("same").disabled = number < 2;
  }

  lanes.addEventListener("change", count);
  document.addEventListener("htmx:after:swap", count);
  setInterval(() => {
    if (!document.hidden && !chosen() && !lanes.contains(document.activeElement)) lanes.dispatchEvent(new CustomEvent("sntry:refresh"));
  }, REFRESH_MILLISECONDS);
  count();
  drawMap();
  return { show };
})();
