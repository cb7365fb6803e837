/* A map's drawings as SVG nodes: a shape for a site, a square for a service centre. */
window.Sntry = window.Sntry || {};

Sntry.shapes = (() => {
  function node(name, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  }

  function drawing(size) {
    return node("svg", { width: size, height: size, viewBox: `0 0 ${size} ${size}`, "aria-hidden": "true" });
  }

  const PATHS = {
    available: (c, r) => node("circle", { cx: c, cy: c, r }),
    offline: (c, r) => node("circle", { cx: c, cy: c, r: r - 1 }),
    "in-use": (c, r) => node("rect", { x: c - r * 0.9, y: c - r * 0.9, width: r * 1.8, height: r * 1.8 }),
    watch: (c, r) => node("path", { d: `M${c} ${c - r * 1.3}L${c + r * 1.3} ${c}L${c} ${c + r * 1.3}L${c - r * 1.3} ${c}Z` }),
    critical: (c, r) => node("path", { d: `M${c} ${c - r * 1.3}L${c + r * 1.3} ${c + r}L${c - r * 1.3} ${c + r}Z` }),
  };

  function site(state) {
    const size = 26, middle = size / 2;
    const svg = drawing(size);
    const shape = PATHS[state](middle, 7);
    shape.setAttribute("class", `shape ${state}`);
    svg.append(shape);
    return svg;
  }

  function centre() {
    const svg = drawing(12);
    svg.append(node("rect", { class: "centre", x: 2, y: 2, width: 8, height: 8 }));
    return svg;
  }

  return { site, centre };
})();
