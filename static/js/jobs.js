/* The socket of the pages of jobs: says whether they are live, and shows the whole page when its one job has ended. */
(() => {
  const QUIET_MILLISECONDS = 20000, ENDED = {
    4401: "Signed out · log in again", 4403: "Not allowed any more", 4408: "Open in too many tabs · reload",
    4429: "Too many requests · reload", 4400: "Out of date · reload",
  };
  const element = document.getElementById("live");
  if (!element) return;
  const mark = document.getElementById("jobs-connection"), words = document.getElementById("jobs-connection-text");
  const isOne = Boolean(document.getElementById("job"));
  let socket = null, heardAt = Date.now(), state = "";

  function become(next, text) {
    if (state === next) return;
    state = next;
    mark.dataset.state = next;
    words.textContent = text;
  }

  function onMessage(event) {
    heardAt = Date.now();
    become("live", "Live");
    const frame = JSON.parse(event.detail.message.data);
    if (frame.type === "panel") return;
    event.preventDefault();
    if (frame.type === "gone" || (isOne && frame.ended)) location.reload();
  }

  /* What a page shows while nothing happens may be right or may be of a connection that died: so it asks. */
  function watch() {
    if (document.hidden || state === "closed") return;
    if (socket?.readyState !== WebSocket.OPEN) { if (Date.now() - heardAt > QUIET_MILLISECONDS / 4) connect(); }
    else if (Date.now() - heardAt > QUIET_MILLISECONDS) { heardAt = Date.now(); socket.send('{"type": "resync"}'); }
  }

  function connect() {
    htmx.process(element);
    element.dispatchEvent(new Event("sntry:connect"));
  }

  document.addEventListener("htmx:ws:after:connection", (event) => { socket = event.detail.connection.socket; heardAt = Date.now(); });
  document.addEventListener("htmx:ws:before:message:incoming", onMessage);
  document.addEventListener("htmx:ws:close", (event) => {
    const { code } = event.detail;
    if (code === null) return;
    if (ENDED[code]) become("closed", ENDED[code]);
    else become("reconnecting", "Reconnecting…");
  });
  setInterval(watch, 1000);
  setTimeout(connect);
})();
