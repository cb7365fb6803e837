/* The event log: new events come in on top, filters ask the server, and nothing moves under the pointer. */
window.Sntry = window.Sntry || {};

Sntry.events = (() => {
  const MOST_ROWS = 400, HOLD_MILLISECONDS = 10000;
  const card = document.getElementById("events");
  const log = document.getElementById("event-log");
  const fields = { group: document.getElementById("event-group"), severity: document.getElementById("event-severity") };
  const onlySite = document.getElementById("event-site");
  let waiting = new Map(), touchedAt = 0, newest = 0;

  const idOf = (row) => Number(row.dataset.event);

  function parse(content) {
    const holder = new DOMParser().parseFromString(`<ol>${content}</ol>`, "text/html").body;
    return [...holder.querySelectorAll("li[data-event]")].map((row) => document.importNode(row, true));
  }

  /* Rows of the server's own template, newest first; those that are there already are known by their ids. */
  function take({ content, more }) {
    const rows = parse(content);
    Sntry.toasts.offer(rows);
    const oldest = Math.min(...rows.map(idOf));
    // More has happened than the frame holds: the log is read again rather than left with a hole.
    if (newest && more && oldest > newest + 1) reload();
    newest = Math.max(newest, ...rows.map(idOf));
    if (Sntry.sites.isPast) return;
    for (const row of rows) if (!document.getElementById(row.id) && matches(row)) waiting.set(row.id, row);
    if (!isHeld()) release();
  }

  function matches({ dataset }) {
    const severity = fields.severity.value;
    if (fields.group.value && dataset.group !== fields.group.value) return false;
    if (severity && !(dataset.severity === "critical" || (severity === "watch" && dataset.severity === "watch"))) return false;
    return !onlySite.checked || dataset.site === Sntry.address.get("of");
  }

  const isHeld = () => Date.now() - touchedAt < HOLD_MILLISECONDS;

  function release() {
    if (!waiting.size) return;
    const focused = document.activeElement;
    for (const row of [...waiting.values()].sort((a, b) => idOf(a) - idOf(b))) log.prepend(row);
    waiting = new Map();
    log.querySelector("li.empty")?.remove();
    const rows = log.querySelectorAll("li[data-event]");
    for (let at = MOST_ROWS; at < rows.length; at += 1) rows[at].remove();
    if (log.contains(focused)) focused.focus({ preventScroll: true });
  }

  /* The first page as the filters ask for it; of the past, up to the moment that is shown. */
  function reload() {
    waiting = new Map();
    const until = Sntry.time.moment;
    const query = Sntry.address.only(["operator", "city", "type", "group", "severity", "of"], { until });
    return htmx.ajax("GET", `${card.dataset.url}?${query}`, { target: "#event-log", swap: "innerHTML" });
  }

  function onFilter() {
    const site = onlySite.checked ? Sntry.address.get("site") : "";
    Sntry.address.set({ group: fields.group.value, severity: fields.severity.value, of: site }, { push: true });
    reload();
  }

  function onSelected() {
    const site = Sntry.address.get("site");
    onlySite.disabled = !site && !onlySite.checked;
    if (onlySite.checked && Sntry.address.get("of") !== site) {
      onlySite.checked = Boolean(site);
      Sntry.address.set({ of: site });
      reload();
    }
  }

  /* After the back button: what the address says, and the log if that is something else. */
  function readAddress() {
    const before = [fields.group.value, fields.severity.value, onlySite.checked].join();
    for (const [name, field] of Object.entries(fields)) field.value = Sntry.address.get(name);
    onlySite.checked = Boolean(Sntry.address.get("of"));
    onlySite.disabled = !Sntry.address.get("site") && !onlySite.checked;
    if (before !== [fields.group.value, fields.severity.value, onlySite.checked].join()) reload();
  }

  function start() {
    newest = Math.max(0, ...[...log.querySelectorAll("li[data-event]")].map(idOf));
    for (const field of [...Object.values(fields), onlySite]) field.addEventListener("change", onFilter);
    onlySite.checked = Boolean(Sntry.address.get("of"));
    onlySite.disabled = !Sntry.address.get("site") && !onlySite.checked;
    document.addEventListener("sntry:selected", onSelected);
    log.addEventListener("pointermove", () => { touchedAt = Date.now(); });
    log.addEventListener("keydown", () => { touchedAt = Date.now(); });
    log.addEventListener("pointerleave", () => { touchedAt = 0; release(); });
    setInterval(() => { if (!isHeld()) release(); }, 1000);
  }

  return { start, take, reload, readAddress };
})();
