/* A map beside the two fields of a place: what is typed moves the mark, and the mark fills the fields. */
(() => {
  const digits = (value) => String(Math.round(value * 1e6) / 1e6);

  async function start() {
    const holder = document.getElementById("map");
    const latitude = document.getElementById("id_latitude");
    const longitude = document.getElementById("id_longitude");
    if (!holder || !latitude || !longitude) return;
    const map = L.map(holder, { zoomSnap: 0.5, minZoom: 2, maxZoom: 18, worldCopyJump: true }).setView([39, -98], 3.5);
    map.attributionControl.setPrefix("Leaflet");
    Sntry.baseMap(map, JSON.parse(document.getElementById("tiles").textContent)).catch(() => { /* the fields work without a ground */ });
    const pin = document.createElement("span");
    pin.className = "pin";
    const icon = L.divIcon({ className: "pin-icon", html: pin, iconSize: [22, 22] });
    const mark = L.marker([0, 0], { icon, draggable: true, alt: "The place; drag it, or type its coordinates" });
    const typed = () => {
      const [y, x] = [latitude.value, longitude.value].map(Number);
      return latitude.value !== "" && longitude.value !== "" && Math.abs(y) <= 90 && Math.abs(x) <= 180 ? [y, x] : null;
    };
    const show = (zoom) => {
      const place = typed();
      if (!place) return mark.remove();
      mark.setLatLng(place).addTo(map);
      map.setView(place, zoom || map.getZoom(), { animate: false });
    };
    const take = (place) => {
      const inside = place.wrap();
      latitude.value = digits(inside.lat);
      longitude.value = digits(inside.lng);
      mark.setLatLng(inside).addTo(map);
    };
    map.on("click", (event) => take(event.latlng));
    mark.on("dragend", () => take(mark.getLatLng()));
    for (const field of [latitude, longitude]) field.addEventListener("change", () => show());
    show(7);
  }

  document.addEventListener("DOMContentLoaded", start);
})();
