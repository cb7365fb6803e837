/* The one socket of a site's page: values and chargers after each tick, and what the header says about it. */
(() => {
  const STALE_SECONDS = 120, LONGEST_WAIT = 20000, QUIET = 30000, ANSWER = 10000, SILENT = 4000;
  const ENDED = { 4401: "Signed out · log in again", 4403: "Not allowed any more", 4408: "Open in too many tabs · reload" };
  const WITH_NEW_ROWS = ["site-work"]; // none moves under the pointer
  const shown = {};
  const button = document.getElementById("connection"), words = document.getElementById("connection-text");
  const { site } = document.getElementById("site-live").dataset;
  let socket = null, isPaused = false, failures = 0, heardAt = 0, askedAt = 0, age = null, state = "connecting", ended = "";

  function say() {
    const seconds = Math.round((Date.now() - heardAt) / 1000 + (age || 0));
    if (state === "live" && (age === null || seconds > STALE_SECONDS)) state = "stale";
    button.dataset.state = state;
    words.textContent = {
      connecting: "Connecting…", live: `Live · ${seconds} s ago`, paused: "Paused", reconnecting: "Reconnecting…", closed: ended,
      stale: age === null ? "No reading yet" : `Stale · ${Math.round(seconds / 60)} min`,
    }[state];
  }

  function take(event) {
    const frame = JSON.parse(event.data);
    if (isPaused || frame.type !== "site") return;
    [heardAt, age, state, failures] = [Date.now(), frame.age, "live", 0];
    for (const [id, content] of Object.entries(frame.panels)) {
      const old = document.getElementById(id);
      if (!old || content === shown[id] || (WITH_NEW_ROWS.includes(id) && old.matches(":hover"))) continue; // the next one will do
      shown[id] = content;
      show(old, new DOMParser().parseFromString(content, "text/html").getElementById(id)); // ours, and escaped there
    }
    say();
  }

  /* A part of the page in place of its older self: where its list is, which notes are open, and what has the focus stay. */
  function show(old, fresh) {
    const scrolled = old.querySelector(".long")?.scrollTop, focused = document.activeElement;
    const note = old.contains(focused) && focused.closest("[data-key]");
    for (const { dataset } of old.querySelectorAll("details[open]")) {
      fresh.querySelector(`[data-key="${dataset.key}"]`)?.setAttribute("open", "");
    }
    const isRead = old.contains(focused);
    old.replaceWith(fresh);
    if (scrolled) fresh.querySelector(".long").scrollTop = scrolled;
    const next = note && fresh.querySelector(`[data-key="${note.dataset.key}"] summary`);
    if (isRead) (next || fresh.querySelector(".long"))?.focus({ preventScroll: true });
  }

  /* A connection that died without a word looks open: after a silence the page asks, and without an answer it leaves. */
  function listen() {
    if (isPaused || document.hidden || socket?.readyState !== WebSocket.OPEN) return;
    if (askedAt > heardAt) { if (Date.now() - askedAt > ANSWER) socket.close(SILENT); }
    else if (Date.now() - heardAt > QUIET) { askedAt = Date.now(); socket.send('{"type": "resync"}'); }
  }

  function connect() {
    socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/live/site/?site=${site}`);
    heardAt = Date.now();
    socket.addEventListener("message", take);
    socket.addEventListener("close", (event) => {
      if (ENDED[event.code]) [state, ended] = ["closed", ENDED[event.code]];
      else if (!isPaused) {
        state = "reconnecting";
        failures += 1;
        setTimeout(() => { if (!isPaused) connect(); }, Math.min(LONGEST_WAIT, 1000 * 2 ** failures) * (0.5 + Math.random() / 2));
      }
      say();
    });
  }

  button.addEventListener("click", () => {
    if (state === "closed") { location.reload(); return; }
    isPaused = !isPaused;
    state = isPaused ? "paused" : "connecting";
    if (isPaused) socket?.close(1000);
    else connect();
    say();
  });
  setInterval(() => { say(); listen(); }, 1000);
  connect();
})();
