/* Notices of new high risks, surges and missed target times. Each event is told once in this browser: after a
   reconnection, a resync, a reload, and with two windows open; whoever writes its number down first tells it. */
window.Sntry = window.Sntry || {};

Sntry.toasts = (() => {
  const MOST_SHOWN = 3, SHOWN_MILLISECONDS = 12000, YOUNG_MILLISECONDS = 120000, REMEMBERED = 400;
  const holder = document.getElementById("toasts");
  const key = `sntry-told-${holder.dataset.user}`;
  let told = null, left = 0;

  function remembered() {
    try { return JSON.parse(localStorage.getItem(key)); } catch { return told; }
  }

  function remember(ids) {
    told = ids.slice(-REMEMBERED);
    try { localStorage.setItem(key, JSON.stringify(told)); } catch { /* it holds for this page then */ }
  }

  /* One window at a time, where the browser can hold the others off. */
  const alone = (work) => (navigator.locks ? navigator.locks.request(key, work) : Promise.resolve(work()));

  function offer(rows) {
    const worth = rows.filter((row) => row.dataset.toast);
    return alone(() => {
      const known = remembered();
      const fresh = worth.filter((row) => !(known || []).includes(Number(row.dataset.event)));
      if (known && !fresh.length) return;
      remember([...(known || []), ...fresh.map((row) => Number(row.dataset.event)).reverse()]);
      // A browser that has never been here is not told of what was before; nobody is told of what is long over.
      if (known) fresh.filter(isYoung).reverse().forEach(show);
    });
  }

  function isYoung(row) {
    return Sntry.live.now() - Date.parse(row.querySelector("time").dateTime) < YOUNG_MILLISECONDS;
  }

  function element(tag, text, className = "") {
    const made = document.createElement(tag);
    made.textContent = text;
    made.className = className;
    return made;
  }

  function show(row) {
    while (holder.querySelectorAll(".toast").length >= MOST_SHOWN) { left += 1; holder.querySelector(".toast").remove(); }
    const { toast, severity, siteId, event } = row.dataset;
    const box = element("div", "", `toast ${severity}`);
    box.dataset.event = event;
    const text = element("p", "");
    const mark = element("span", row.querySelector(".mark").textContent, `mark ${severity}`);
    mark.setAttribute("aria-hidden", "true");
    text.append(mark, " ", element("strong", toast), " ", row.querySelector("a")?.textContent || "", " ", element("span", row.querySelector(".quiet").textContent, "quiet"));
    const close = element("button", "Dismiss", "link");
    close.type = "button";
    close.addEventListener("click", () => drop(box));
    const buttons = element("div", "", "toast-buttons");
    if (siteId && Sntry.sites.row(Number(siteId)) !== undefined) {
      const open = element("button", "Show", "button");
      open.type = "button";
      open.addEventListener("click", () => { Sntry.list.select(Number(siteId), { show: true }); drop(box); });
      buttons.append(open);
    }
    buttons.append(close);
    box.append(text, buttons);
    holder.append(box);
    count();
    leaveLater(box);
  }

  /* Not while it is pointed at or has the focus. */
  function leaveLater(box) {
    setTimeout(() => (box.matches(":hover, :focus-within") ? leaveLater(box) : drop(box)), SHOWN_MILLISECONDS);
  }

  function drop(box) {
    box.remove();
    if (!holder.querySelector(".toast")) left = 0;
    count();
  }

  function count() {
    holder.querySelector(".toast-more")?.remove();
    if (left) holder.append(element("p", `${left} more in the event log`, "toast-more quiet"));
  }

  return { offer };
})();
