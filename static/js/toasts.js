/* Notices of new high risks, surges and missed target times. Each event is told once in this browser: after a
   reconnection, a resync, a reload, and with two windows open; whoever writes its number down first tells it. */
window.Sntry = window.Sntry || {};

Sntry.toasts = (() => {
  const MOST_SHOWN = 3, SHOWN_MILLISECONDS = 12000, YOUNG_MILLISECONDS = 120000, REMEMBERED = 400;
  const holder = document.getElementById("toasts");
  const STORE = "told";
  let here = null, left = 0;  // here: the numbers that this page has seen

  const finished = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

  function database() {
    const opening = indexedDB.open("sntry-notices", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    return finished(opening);
  }

  /* Keep `ids` for this person and return the numbers kept before. A database and not localStorage, because windows
     see each other's writes to that only after a while, so that two of them would tell the same event. */
  async function exchange(ids) {
    const opened = await database();
    try {
      const store = opened.transaction(STORE, "readwrite").objectStore(STORE);
      const before = await finished(store.get(holder.dataset.user));
      const added = ids.filter((id) => !(before || []).includes(id));
      if (added.length || !before) await finished(store.put([...(before || []), ...added].slice(-REMEMBERED), holder.dataset.user));
      return before;
    } finally {
      opened.close();
    }
  }

  async function offer(rows) {
    const number = (row) => Number(row.dataset.event);
    const unseen = rows.filter((row) => row.dataset.toast && !here?.includes(number(row)));
    if (here && !unseen.length) return;
    const known = here;
    here = [...(here || []), ...unseen.map(number).reverse()].slice(-REMEMBERED);
    const before = await exchange(unseen.map(number).reverse()).catch(() => known);  // it holds for this page then
    // A browser that has never been here is not told of what was before; nobody is told of what is long over.
    if (before) unseen.filter((row) => !before.includes(number(row)) && isYoung(row)).reverse().forEach(show);
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
