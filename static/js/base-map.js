/* The base map that needs no internet: land and borders on canvas, in the colours of the theme. */
window.Sntry = window.Sntry || {};

/* The value of a custom property as a colour that a canvas understands. */
Sntry.colour = (name) => {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
};

Sntry.baseMap = async (map, tiles) => {
  if (tiles.url) {
    L.tileLayer(tiles.url, { attribution: tiles.attribution, maxZoom: tiles.max_zoom }).addTo(map);
    return;
  }
  map.createPane("base").style.zIndex = 150;
  const renderer = L.canvas({ pane: "base", padding: 0.4 });
  const common = { renderer, pane: "base", interactive: false };
  const { land, states } = document.getElementById("map").dataset;
  const read = async (address) => (await fetch(address)).json();
  const [world, america] = await Promise.all([read(land), read(states)]);
  const ground = L.geoJSON(topojson.feature(world, world.objects.countries), common);
  const inner = L.geoJSON(topojson.mesh(america, america.objects.states, (a, b) => a !== b), common);
  const paint = () => {
    const border = Sntry.colour("border");
    ground.setStyle({ stroke: true, weight: 1, color: border, fillColor: Sntry.colour("land"), fillOpacity: 1 });
    inner.setStyle({ weight: 1, color: border, fill: false });
  };
  paint();
  ground.addTo(map);
  inner.addTo(map);
  document.addEventListener("sntry:theme", paint);
  map.attributionControl.addAttribution("Natural Earth");
};
