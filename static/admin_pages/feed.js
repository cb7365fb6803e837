/* The dashboard's newest events, asked for at each tick; nothing moves under the pointer or the focus. */
(() => {
  const every = 10_000;
  let paused = false;

  function start() {
    const list = document.getElementById("feed");
    if (!list) return;
    const word = document.getElementById("feed-state");
    const button = document.getElementById("feed-pause");
    const say = (text) => { if (word.textContent !== text) word.textContent = text; };
    const held = () => paused || document.hidden || list.matches(":hover") || list.contains(document.activeElement);
    button.addEventListener("click", () => {
      paused = !paused;
      button.textContent = paused ? "Go on" : "Pause";
      say(paused ? "○ paused" : "● live");
    });
    setInterval(async () => {
      if (held()) return;
      try {
        const answer = await fetch(list.dataset.url, { headers: { Accept: "text/html" } });
        if (!answer.ok || answer.redirected) throw new Error(answer.status);
        const rows = await answer.text();
        if (!held() && rows !== list.dataset.last) {
          list.replaceChildren(document.createRange().createContextualFragment(rows));
          list.dataset.last = rows;
        }
        say("● live");
      } catch {
        say("◆ reconnecting");
      }
    }, every);
  }

  document.addEventListener("DOMContentLoaded", start);
})();
