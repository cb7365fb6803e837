/* Says on every page of ours when a job of mine has ended: once in all tabs, and asks seldom while none runs. */
(() => {
  const BUSY_MILLISECONDS = 5000, IDLE_MILLISECONDS = 60000, SHOWN_MILLISECONDS = 15000, KEPT_IDS = 50;
  const home = document.querySelector("[data-jobs-ended]");
  if (!home) return;
  const KEY = `sntry-jobs-${home.dataset.user}`;
  let timer = null;

  function remembered() {
    try { return JSON.parse(localStorage.getItem(KEY)) || {}; } catch { return {}; }
  }

  function remember(values) {
    try { localStorage.setItem(KEY, JSON.stringify(values)); } catch { /* then another tab may say it again */ }
  }

  function made(name, className, text) {
    return Object.assign(document.createElement(name), { className, textContent: text });
  }

  function say(job) {
    const toast = made("div", "own-toast", "");
    const badge = made("span", `badge ${job.colour}`, `${job.shape} ${job.word}`);
    const link = Object.assign(made("a", "", job.name), { href: job.url });
    const close = Object.assign(made("button", "link", "Close"), { type: "button" });
    close.addEventListener("click", () => toast.remove());
    toast.append(badge, link, close);
    if (job.message) toast.append(made("p", "quiet", job.message));
    home.append(toast);
    setTimeout(() => { if (!toast.matches(":hover, :focus-within")) toast.remove(); }, SHOWN_MILLISECONDS);
  }

  async function ask() {
    let wait = IDLE_MILLISECONDS;
    try {
      const { since = "", told = [] } = remembered();
      const answer = await fetch(`${home.dataset.jobsEnded}?since=${encodeURIComponent(since)}`, { redirect: "manual" });
      if (!answer.ok) throw new Error(answer.status);
      const news = await answer.json();
      const known = remembered().told || told;
      const fresh = news.ended.filter((job) => !known.includes(`${job.id}`));
      remember({ since: news.now, told: [...known, ...fresh.map((job) => `${job.id}`)].slice(-KEPT_IDS) });
      fresh.forEach(say);
      if (news.running) wait = BUSY_MILLISECONDS;
    } catch { /* asked again later */ }
    timer = setTimeout(ask, document.hidden ? IDLE_MILLISECONDS : wait);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) { clearTimeout(timer); ask(); } });
  ask();
})();
