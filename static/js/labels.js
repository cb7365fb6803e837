/* Where names go: below the ring, or beside it when something is there already; none when all is full. */
window.Sntry = window.Sntry || {};

Sntry.placeLabels = (looks, pointOf, size) => {
  const MOST = 80, LETTER = 6.6, HEIGHT = 16;
  if (looks.length > MOST) return;
  const taken = looks.map((look) => {
    const { x, y } = pointOf(look);
    const half = look.size / 2;
    return { left: x - half, right: x + half, top: y - half, bottom: y + half };
  });

  function box(side, { left, right, top, bottom }, width) {
    const middle = (left + right) / 2, centre = (top + bottom) / 2;
    return {
      below: { left: middle - width / 2, right: middle + width / 2, top: bottom + 1, bottom: bottom + 1 + HEIGHT },
      right: { left: right + 5, right: right + 5 + width, top: centre - HEIGHT / 2, bottom: centre + HEIGHT / 2 },
      left: { left: left - 5 - width, right: left - 5, top: centre - HEIGHT / 2, bottom: centre + HEIGHT / 2 },
      above: { left: middle - width / 2, right: middle + width / 2, top: top - 1 - HEIGHT, bottom: top - 1 },
    }[side];
  }

  const meets = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

  const isInside = (a) => a.left >= 0 && a.top >= 0 && a.right <= size.x && a.bottom <= size.y;

  looks.forEach((look, position) => {
    if (!look.text) return;
    for (const side of ["below", "right", "left", "above"]) {
      const wanted = box(side, taken[position], look.text.length * LETTER);
      if (isInside(wanted) && taken.every((other) => !meets(wanted, other))) {
        taken.push(wanted);
        look.side = side;
        return;
      }
    }
  });
};
