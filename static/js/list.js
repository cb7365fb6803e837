/* The list beside the map: the sites that the map shows, worst first; the same ones in the same state. */
window.Sntry = window.Sntry || {};

Sntry.list = (() => {
  const PAGE = matchMedia("(max-width: 700px)").matches ? 8 : 25, HOLD_MILLISECONDS = 10000;
  const MARKS = { low: ["available", "●", "Low"], watch: ["watch", "◆", "Watch"], critical: ["critical", "▲", "Critical"] };
  const body = document.getElementById("at-risk-body");
  const holder = document.getElementById("at-risk-rows");
  const note = document.getElementById("at-risk-note");
  const more = document.getElementById("at-risk-more");
  const follow = document.getElementById("follow-map");
  const pattern = document.getElementById("at-risk-row").content.firstElementChild;
  const drawn = new Map();
  let selected = null, limit = PAGE, touchedAt = 0, isLate = false, rows = [];

  const order = () => Sntry.address.get("order") || "loss";

  /* No row moves while somebody points at the list or goes through it by keyboard. */
  const isHeld = () => Date.now() - touchedAt < HOLD_MILLISECONDS;

  function sorted() {
    const { now, ids } = Sntry.sites, key = now[order()];
    return Sntry.sites.rowsIn(follow.checked ? Sntry.map.box() : null)
      .sort((a, b) => key[b] - key[a] || now.risk[b] - now.risk[a] || ids[a] - ids[b]);
  }

  function render({ force = false } = {}) {
    if (!Sntry.sites.size) { empty(); return; }
    const isWaiting = isHeld() && !force;
    if (!isWaiting) { rows = sorted(); isLate = false; } else { isLate = true; }
    const shown = rows.slice(0, limit);
    const focused = document.activeElement;
    const wanted = new Set(shown.map((row) => Sntry.sites.ids[row]));
    if (!isWaiting) {
      for (const [id, element] of drawn) if (!wanted.has(id)) { element.remove(); drawn.delete(id); }
      body.querySelectorAll("tr:not([data-js])").forEach((old) => old.remove());
    }
    shown.forEach((row, at) => {
      const element = rowFor(Sntry.sites.ids[row]);
      fill(element, Sntry.sites.at(row));
      if (!isWaiting && body.children[at] !== element) body.insertBefore(element, body.children[at] || null);
    });
    if (focused !== document.activeElement && body.contains(focused)) focused.focus({ preventScroll: true });
    say(rows.length);
  }

  function rowFor(id) {
    if (!drawn.has(id)) {
      const element = document.importNode(pattern, true);
      element.id = `risk-${id}`;
      element.dataset.site = id;
      element.dataset.js = "";
      drawn.set(id, element);
    }
    return drawn.get(id);
  }

  function fill(element, site) {
    const part = (name) => element.querySelector(`[data-part="${name}"]`);
    const [colour, shape, word] = MARKS[site.level];
    const kind = `${site.type} ${site.kw} kW`;
    write(part("name"), site.name);
    write(part("about"), `${site.name.includes(site.operator) ? "" : `${site.operator} · `}${kind} · ${site.ports} ports`);
    write(part("why"), Sntry.whyOf(site));
    part("stressed").hidden = !site.stressed;
    part("badge").className = `badge ${site.risk === null ? "" : colour}`;
    write(part("shape"), site.risk === null ? "–" : shape);
    write(part("level"), site.risk === null ? "No forecast was kept" : word);
    write(part("risk"), site.risk === null ? "" : `${site.risk} %`, true);
    write(part("value"), order() === "index" ? site.index.toFixed(1) : `${Sntry.dollars(site.loss)}/h`);
    write(part("price"), Sntry.price(site.price), true);
    const isSelected = site.id === selected;
    element.toggleAttribute("data-selected", isSelected);
    part("name").setAttribute("aria-pressed", String(isSelected));
  }

  /* Only what differs is written; what is to catch the eye is replaced, so that its highlight begins anew. */
  function write(part, text, isShown = false) {
    if (part.textContent === text) return;
    const isFirst = part.textContent === "";
    part.textContent = text;
    if (!isShown || isFirst) return;
    part.classList.remove("changed");
    requestAnimationFrame(() => part.classList.add("changed"));
  }

  function say(count) {
    const whole = Sntry.sites.rowsIn(null).length;
    const where = follow.checked && count < whole ? `${count.toLocaleString("en")} of ${whole.toLocaleString("en")} sites, in view` : `${count.toLocaleString("en")} ${count === 1 ? "site" : "sites"}`;
    note.textContent = isLate ? `${where} · order waits` : where;
    note.title = isLate ? "No row moves while you point at the list or go through it by keyboard." : "";
    more.hidden = count <= limit;
    more.textContent = `Show ${Math.min(PAGE, count - limit)} more`;
    if (!count) empty();
    else body.querySelector(".is-empty")?.remove();
  }

  function empty() {
    const words = !Sntry.sites.size ? body.dataset.nothing || "No site matches these filters, or none has been measured yet."
      : !Sntry.sites.rowsIn(null).length ? (Sntry.sites.isPast ? "Nothing was measured then, of what these filters ask for." : "No site is at this level now.")
        : "No site in this part of the map: zoom out, or press Show all.";
    body.replaceChildren();
    drawn.clear();
    const row = body.insertRow();
    row.className = "is-empty";
    const cell = row.insertCell();
    cell.colSpan = 3;
    cell.className = "empty";
    cell.textContent = words;
    if (!Sntry.sites.size) { note.textContent = ""; more.hidden = true; }
  }

  function select(id, options = {}) {
    const row = Sntry.sites.row(id);
    if (row === undefined) return;
    selected = id;
    if (!options.isFromAddress) Sntry.address.set({ site: Sntry.sites.place.external_id[row] }, { push: true });
    render();
    Sntry.map.select(row, options);
    document.dispatchEvent(new CustomEvent("sntry:selected", { detail: id }));
    askActions();
  }

  function unselect() {
    selected = null;
    Sntry.map.select(null);
    render();
    document.dispatchEvent(new CustomEvent("sntry:selected", { detail: null }));
    askActions();
  }

  function askActions() {
    const holderOf = document.getElementById("actions");
    if (selected === null) { holderOf.replaceChildren(quiet("Select a site to stress, heal or dispatch.")); return; }
    if (Sntry.sites.isPast) { holderOf.replaceChildren(quiet("The past is only to be looked at. Go back to Live to act on this site.")); return; }
    htmx.ajax("GET", holderOf.dataset.url.replace("/0/", `/${selected}/`), { target: "#actions", swap: "innerHTML" });
  }

  function quiet(words) {
    const text = document.createElement("p");
    text.className = "quiet";
    text.textContent = words;
    return text;
  }

  function onKey(event) {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || !event.target.matches?.(".site-name")) return;
    const names = [...body.querySelectorAll(".site-name")];
    const next = names[names.indexOf(event.target) + step];
    if (next) { event.preventDefault(); next.focus(); }
  }

  function start() {
    document.addEventListener("sntry:sites", (event) => { if (event.detail !== "hidden") render({ force: event.detail === "whole" }); });
    document.addEventListener("sntry:moved", () => { if (follow.checked) render({ force: true }); });
    holder.addEventListener("pointermove", () => { touchedAt = Date.now(); });
    holder.addEventListener("pointerleave", (event) => {
      if (event.relatedTarget?.closest?.("#toasts")) return;  // which came over the list: the reader has not left
      touchedAt = 0;
      if (isLate) render();
    });
    holder.addEventListener("keydown", (event) => { touchedAt = Date.now(); onKey(event); });
    holder.addEventListener("focusout", (event) => { if (!holder.contains(event.relatedTarget)) { touchedAt = 0; if (isLate) render(); } });
    setInterval(() => { if (isLate && !isHeld()) render(); }, 1000);
    more.addEventListener("click", () => { limit += PAGE; render({ force: true }); });
    follow.addEventListener("change", () => { Sntry.address.set({ follow: follow.checked ? "" : "no" }); render({ force: true }); });
    document.addEventListener("click", (event) => {
      const shown = event.target.closest("[data-show]");
      if (shown) { select(Number(shown.dataset.show), { show: true }); return; }
      const row = event.target.closest("#at-risk-body [data-site]");
      if (row) select(Number(row.dataset.site));
    });
  }

  return {
    start, select, unselect, render, askActions,
    get selected() { return selected; },
    first() { limit = PAGE; holder.scrollTop = 0; render({ force: true }); },
  };
})();
