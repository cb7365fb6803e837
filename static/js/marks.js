/* The map's drawings on one canvas: a ring for a cluster, a shape for a site; state is shape as well as colour. */
window.Sntry = window.Sntry || {};

Sntry.marks = (() => {
  const STATES = ["available", "in-use", "watch", "critical", "offline"];
  const COLOURS = { available: "available", "in-use": "in-use", watch: "watch-mark", critical: "critical", offline: "offline" };
  const RING = 5, SHAPE = 7, SITE = 26;
  const FONT = '"Inter", system-ui, sans-serif';
  let ink = {};

  function readColours() {
    ink = Object.fromEntries(STATES.map((state) => [state, Sntry.colour(COLOURS[state])]));
    for (const name of ["surface", "ink", "quiet", "land", "action"]) ink[name] = Sntry.colour(name);
  }

  /* A look: { x, y, size, shares, count, state, isSelected, isStressed, text, side, step } in pixels of the canvas. */
  function draw(context, look) {
    if (look.shares) ring(context, look);
    else site(context, look);
    if (look.step) stepMark(context, look);
    if (look.side) name(context, look);
  }

  function circle(context, x, y, radius) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
  }

  function ring(context, { x, y, size, shares, count }) {
    const radius = size / 2 - RING / 2;
    circle(context, x, y, size / 2 - 1);
    context.fillStyle = ink.surface;
    context.fill();
    const total = shares.reduce((sum, share) => sum + share, 0) || 1;
    // A small share must stay visible: it is the one that matters.
    const least = 4 / (2 * Math.PI * radius);
    const parts = shares.map((share) => (share ? Math.max(share / total, least) : 0));
    const whole = parts.reduce((sum, part) => sum + part, 0) || 1;
    let start = -Math.PI / 2;
    context.lineWidth = RING;
    parts.forEach((part, state) => {
      if (!part) return;
      const end = start + (part / whole) * 2 * Math.PI;
      context.beginPath();
      context.arc(x, y, radius, start, end);
      context.strokeStyle = ink[STATES[state]];
      context.stroke();
      start = end;
    });
    context.fillStyle = ink.ink;
    context.font = `600 13px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(count, x, y + 0.5);
  }

  const PATHS = {
    available: (c, x, y, r) => c.arc(x, y, r, 0, 2 * Math.PI),
    offline: (c, x, y, r) => c.arc(x, y, r - 1, 0, 2 * Math.PI),
    "in-use": (c, x, y, r) => c.rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8),
    watch: (c, x, y, r) => lines(c, [[x, y - r * 1.3], [x + r * 1.3, y], [x, y + r * 1.3], [x - r * 1.3, y]]),
    critical: (c, x, y, r) => lines(c, [[x, y - r * 1.3], [x + r * 1.3, y + r], [x - r * 1.3, y + r]]),
  };

  function lines(context, [first, ...rest]) {
    context.moveTo(...first);
    for (const point of rest) context.lineTo(...point);
    context.closePath();
  }

  function site(context, { x, y, state, isSelected, isStressed }) {
    if (isStressed) {
      circle(context, x, y, 12);
      context.setLineDash([3, 3]);
      context.lineWidth = 1.5;
      context.strokeStyle = ink.critical;
      context.stroke();
      context.setLineDash([]);
    }
    context.beginPath();
    PATHS[state](context, x, y, SHAPE);
    const isHollow = state === "offline";
    context.fillStyle = isHollow ? ink.surface : ink[state];
    context.strokeStyle = isHollow ? ink.offline : ink.surface;
    context.lineWidth = isHollow ? 3 : 1.5;
    context.fill();
    context.stroke();
    if (isSelected) {
      circle(context, x, y, 15);
      context.lineWidth = 2.5;
      context.strokeStyle = ink.action;
      context.stroke();
    }
  }

  function stepMark(context, { x, y, step }) {
    circle(context, x, y - 20, 9);
    context.fillStyle = ink.action;
    context.fill();
    context.fillStyle = ink.surface;
    context.font = `600 12px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(step, x, y - 19.5);
  }

  const NAME_PLACES = {
    below: (half) => [0, half + 10, "center"], above: (half) => [0, -half - 10, "center"],
    right: (half) => [half + 6, 0, "left"], left: (half) => [-half - 6, 0, "right"],
  };

  function name(context, { x, y, size, text, side }) {
    const [across, down, align] = NAME_PLACES[side](size / 2);
    context.font = `12px ${FONT}`;
    context.textAlign = align;
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 3;
    context.strokeStyle = ink.land;
    context.strokeText(text, x + across, y + down);
    context.fillStyle = ink.quiet;
    context.fillText(text, x + across, y + down);
  }

  /* One canvas that Leaflet moves with the map; it is drawn anew when the map has come to rest. */
  const Layer = L.Renderer.extend({
    initialize(paint) {
      L.Renderer.prototype.initialize.call(this, { padding: 0.35, pane: "marks" });
      this.paint = paint;
    },
    _initContainer() {
      this._container = document.createElement("canvas");
      this._container.setAttribute("aria-hidden", "true");
      this._context = this._container.getContext("2d");
    },
    _destroyContainer() { this._container.remove(); },
    _update() {
      if (this._map._animatingZoom && this._bounds) return;
      L.Renderer.prototype._update.call(this);
      const size = this._bounds.getSize(), ratio = window.devicePixelRatio || 1;
      L.DomUtil.setPosition(this._container, this._bounds.min);
      this._container.width = ratio * size.x;
      this._container.height = ratio * size.y;
      this._container.style.width = `${size.x}px`;
      this._container.style.height = `${size.y}px`;
      this.redraw();
    },
    redraw() {
      if (!this._bounds) return;
      const ratio = window.devicePixelRatio || 1;
      this._context.setTransform(1, 0, 0, 1, 0, 0);
      this._context.clearRect(0, 0, this._container.width, this._container.height);
      this._context.setTransform(ratio, 0, 0, ratio, -this._bounds.min.x * ratio, -this._bounds.min.y * ratio);
      this.paint(this._context);
    },
  });

  return { STATES, SITE, Layer, draw, readColours };
})();
