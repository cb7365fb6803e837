"""What is asked of every page of ours in the browser: that nothing jumps, and that keys reach everything in order."""

MOST_SHIFT = 0.1  # of the window: the limit of "good" for cumulative layout shift
# Adds up what moved without anybody having touched anything, from the first frame on.
WATCH_SHIFTS = """
window.shifted = { sum: 0, what: [] };
new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
  if (entry.hadRecentInput) return;
  window.shifted.sum += entry.value;
  entry.sources.forEach(({ node }) => window.shifted.what.push(node?.id || node?.className || node?.nodeName));
})).observe({ type: "layout-shift", buffered: true });
"""
# Focuses all that Tab reaches, in its order: each must be seen to have the focus, and none may stand above the one
# before it in the same column.
WALK = """() => {
  const wrong = [], all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")];
  const reached = all.filter((one) => one.tabIndex === 0 && !one.disabled && one.checkVisibility({ visibilityProperty: true }));
  all.filter((one) => one.tabIndex > 0).forEach((one) => wrong.push("jumps the queue: " + one.outerHTML.slice(0, 90)));
  const scrolled = window.scrollY;
  let before = null;
  for (const one of reached) {
    one.focus({ focusVisible: true });
    const name = one.outerHTML.slice(0, 90);
    if (document.activeElement !== one) { wrong.push("is not reached: " + name); continue; }
    const looks = [one, one.parentElement, one.nextElementSibling].filter(Boolean).map((each) => getComputedStyle(each));
    if (!looks.some((look) => look.outlineStyle !== "none" || look.boxShadow !== "none")) wrong.push("hides the focus: " + name);
    const box = one.getBoundingClientRect(), last = before?.getBoundingClientRect();
    if (last && box.bottom <= last.top - 1 && box.left < last.right && last.left < box.right)
      wrong.push("comes after what is below it: " + name + " after " + before.outerHTML.slice(0, 60));
    before = one.closest(".leaflet-container") || box.width === 0 ? null : one;
  }
  document.activeElement.blur();
  window.scrollTo(0, scrolled);
  return wrong;
}"""  # noqa: E501


def shifts(page) -> list[str]:
    """What has moved too far on a page that was opened with `WATCH_SHIFTS`."""
    shifted = page.evaluate("window.shifted")
    return [f"moved by {shifted['sum']:.2f}: {shifted['what']}"] if shifted["sum"] >= MOST_SHIFT else []


def faults(page) -> list[str]:
    """What is wrong with a page that was opened with `WATCH_SHIFTS`: what moved, and what keys do not reach."""
    return shifts(page) + page.evaluate(WALK)
