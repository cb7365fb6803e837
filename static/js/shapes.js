/* The map's drawings as SVG nodes: a ring for a cluster, a shape for a site, a square for a service centre. */
window.Sntry = window.Sntry || {};

Sntry.shapes = (() => {
  const STATES = ["available", "in-use", "watch", "critical", "offline"];

  const LABEL_PLACES = {
    below: (size) => ({ x: size / 2, y: size + 13 }),
    above: (size) => ({ x: size / 2, y: -6 }),
    right: (size) => ({ x: size + 7, y: size / 2 + 4 }),
    left: (size) => ({ x: -7, y: size / 2 + 4 }),
  };

  function node(name, attributes, text) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function drawing(size) {
    return node("svg", { width: size, height: size, viewBox: `0 0 ${size} ${size}`, "aria-hidden": "true" });
  }

  /* shares: ports by state, in the order of STATES. */
  function ring(size, shares, count, isSelected, label) {
    const svg = drawing(size);
    const middle = size / 2, width = 5, radius = middle - width / 2;
    const around = 2 * Math.PI * radius;
    const total = shares.reduce((sum, share) => sum + share, 0) || 1;
    svg.append(node("circle", { class: "hole", cx: middle, cy: middle, r: radius }));
    let start = 0;
    shares.forEach((share, index) => {
      if (!share) return;
      // A small share must stay visible: it is the one that matters.
      const length = Math.max((share / total) * around, 4);
      svg.append(node("circle", {
        class: `ring ${STATES[index]}`, cx: middle, cy: middle, r: radius, "stroke-width": width,
        "stroke-dasharray": `${length} ${around}`, "stroke-dashoffset": -start,
        transform: `rotate(-90 ${middle} ${middle})`,
      }));
      start += (share / total) * around;
    });
    if (isSelected) svg.append(node("circle", { class: "halo", cx: middle, cy: middle, r: middle + 3 }));
    svg.append(node("text", { class: "count", x: middle, y: middle }, count));
    if (label) svg.append(name(label, size));
    return svg;
  }

  function name(label, size) {
    return node("text", { class: `place ${label.side}`, ...LABEL_PLACES[label.side](size) }, label.text);
  }

  const PATHS = {
    available: (c, r) => node("circle", { cx: c, cy: c, r }),
    offline: (c, r) => node("circle", { cx: c, cy: c, r: r - 1 }),
    "in-use": (c, r) => node("rect", { x: c - r * 0.9, y: c - r * 0.9, width: r * 1.8, height: r * 1.8 }),
    watch: (c, r) => node("path", { d: `M${c} ${c - r * 1.3}L${c + r * 1.3} ${c}L${c} ${c + r * 1.3}L${c - r * 1.3} ${c}Z` }),
    critical: (c, r) => node("path", { d: `M${c} ${c - r * 1.3}L${c + r * 1.3} ${c + r}L${c - r * 1.3} ${c + r}Z` }),
  };

  function site(state, isSelected, isStressed, label) {
    const size = 26, middle = size / 2;
    const svg = drawing(size);
    if (isStressed) svg.append(node("circle", { class: "stress", cx: middle, cy: middle, r: 12 }));
    const shape = PATHS[state](middle, 7);
    shape.setAttribute("class", `shape ${state}`);
    svg.append(shape);
    if (isSelected) svg.append(node("circle", { class: "halo", cx: middle, cy: middle, r: 15 }));
    if (label) svg.append(name(label, size));
    return svg;
  }

  function centre() {
    const svg = drawing(12);
    svg.append(node("rect", { class: "centre", x: 2, y: 2, width: 8, height: 8 }));
    return svg;
  }

  return { STATES, ring, site, centre };
})();
