/* The one socket of the board: what comes in, what version the page is at, and what the header says about it. */
window.Sntry = window.Sntry || {};

Sntry.live = (() => {
  const STALE_SECONDS = 20;
  const QUIET_MILLISECONDS = 30000, ANSWER_MILLISECONDS = 10000, SILENT = 4000;
  const ENDED = {
    4401: "Signed out · log in again", 4403: "Not allowed any more", 4408: "Open in too many tabs · reload",
    4429: "Too many requests · reload", 4400: "Out of date · reload",
  };
  const element = document.getElementById("live");
  const button = document.getElementById("connection");
  const words = document.getElementById("connection-text");
  const announcement = document.getElementById("announcement");
  let connection = null, state = "connecting", since = Date.now(), version = null, resyncing = false;
  let tickAt = null, clockAhead = 0, paused = false, failures = 0, filters = null, ended = "";
  let heardAt = 0, askedAt = 0;

  function become(next) {
    if (state === next) return;
    state = next;
    since = Date.now();
    button.dataset.state = next;
    document.body.classList.toggle("is-settled", next === "live");
    say();
    announcement.textContent = words.textContent;
  }

  function say() {
    const seconds = (from) => Math.max(0, Math.round((Date.now() - from) / 1000));
    const tick = tickAt === null ? "waiting for the first tick" : `tick ${age()} s ago`;
    const past = Sntry.time.moment ? "Historical · " : "";
    words.textContent = past + {
      connecting: "Connecting…",
      live: past ? tick : `Live · ${tick}`,
      stale: `Stale · last tick ${duration(age())} ago`,
      reconnecting: `Reconnecting (${seconds(since)} s)…`,
      paused: "Paused",
      closed: ended,
    }[state];
  }

  function age() {
    return Math.max(0, Math.round((Date.now() + clockAhead - tickAt) / 1000));
  }

  function duration(seconds) {
    if (seconds < 120) return `${seconds} s`;
    return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
  }

  function watch() {
    if (state === "live" && tickAt !== null && age() > STALE_SECONDS) become("stale");
    say();
    listen();
  }

  /* A connection that died without a word looks open: after a silence the page asks, and without an answer it leaves. */
  function listen() {
    if (paused || document.hidden || state === "closed") return;
    if (connection?.socket?.readyState !== WebSocket.OPEN) {
      // Does nothing while the connection is being made; starts one where none is left.
      if (Date.now() - since > ANSWER_MILLISECONDS / 2) connect();
      return;
    }
    const patience = version === null || resyncing ? ANSWER_MILLISECONDS / 2 : QUIET_MILLISECONDS;
    const isUnanswered = askedAt > heardAt;
    if (isUnanswered && Date.now() - askedAt > ANSWER_MILLISECONDS) connection.socket.close(SILENT);
    else if (!isUnanswered && Date.now() - heardAt > patience) { askedAt = Date.now(); send({ type: "resync" }); }
  }

  function send(message) {
    if (connection?.socket?.readyState !== WebSocket.OPEN) return false;
    connection.socket.send(JSON.stringify(message));
    return true;
  }

  /* Look at these sites only, from now on and after every reconnection. */
  function ask({ operator, city, type }) {
    filters = { type: "filter", operator, city, of_type: type };
    version = null;
    if (paused) onPress();
    return send(filters);
  }

  function again() {
    resyncing = send({ type: "resync" });
  }

  function receive(frame) {
    if (frame.type === "snapshot") {
      version = frame.version;
      resyncing = false;
      Sntry.sites.take(frame.sites, true, frame.words);
      Sntry.time.refresh();
    } else if (version !== null && frame.version > version) {
      if (frame.previous !== version) {
        // A frame is missing in between: what this page shows is not to be trusted until all is read again.
        if (!resyncing) resyncing = send({ type: "resync" });
        return;
      }
      version = frame.version;
      Sntry.sites.take(frame.sites, false);
    }
    clockAhead = Date.parse(frame.now) - Date.now();
    if (frame.at) tickAt = Date.parse(frame.at);
    document.body.dataset.version = version;
    become(tickAt !== null && age() > STALE_SECONDS ? "stale" : "live");
  }

  function onMessage(event) {
    const { message } = event.detail;
    heardAt = Date.now();
    if (paused) { event.preventDefault(); return; }
    const frame = JSON.parse(message.data);
    if (frame.type === "panel") return; // htmx puts it in its place
    event.preventDefault();
    if (frame.type === "events") Sntry.events.take(frame);
    else receive(frame);
  }

  async function onClose(event) {
    const { code } = event.detail;
    if (code === null) return;
    if (ENDED[code]) {
      ended = ENDED[code];
      become("closed");
    } else if (paused || document.hidden) {
      become("paused");
    } else {
      become("reconnecting");
      failures += 1;
      if (failures % 4 === 3) await lookForSession();
    }
  }

  /* A refused handshake looks like a server that is away; the page itself tells which it is. */
  async function lookForSession() {
    const answer = await fetch(location.pathname, { method: "HEAD", redirect: "manual" }).catch(() => null);
    if (answer?.type === "opaqueredirect") {
      ended = ENDED[4401];
      become("closed");
    }
  }

  /* Asked for here, not on load: htmx may be ready before its socket extension and this file are, and would then know
     no socket, or its first frames would go unheard. */
  function connect() {
    htmx.process(element);
    element.dispatchEvent(new Event("sntry:connect"));
  }

  function onPress() {
    if (state === "closed") { location.reload(); return; }
    paused = !paused;
    if (paused) {
      become("paused");
      connection?.socket?.close(1000);
    } else {
      become("connecting");
      connect();
    }
  }

  function start() {
    document.addEventListener("htmx:ws:after:connection", (event) => {
      connection = event.detail.connection;
      failures = 0;
      resyncing = false;
      heardAt = Date.now();
      if (filters) send(filters);
    });
    document.addEventListener("htmx:ws:before:message:incoming", onMessage);
    document.addEventListener("htmx:ws:close", onClose);
    button.addEventListener("click", onPress);
    setInterval(watch, 1000);
    setTimeout(connect);
  }

  /* The server's clock. */
  const now = () => Date.now() + clockAhead;

  return { start, ask, again, now, say };
})();
