/* The assistant's panel: opens beside the page, asks without leaving it, and waits for Gemini's words. */
window.Sntry = window.Sntry || {};

Sntry.assistant = (() => {
  const WAIT_MILLISECONDS = 1000, MOST_WAITS = 45;
  const PART = { "Sntry-Part": "1" };
  const opener = document.querySelector("[data-assistant]");
  let panel = null;

  /* Parts are made by our own server, where every word of others is escaped. */
  function part(text) {
    const template = document.createElement("template");
    template.innerHTML = text;
    return template.content;
  }

  function notice(text) {
    const line = document.createElement("p");
    line.className = "notice critical";
    line.setAttribute("role", "alert");
    line.textContent = text;
    return line;
  }

  async function fetched(address, options = {}) {
    const answer = await fetch(address, { ...options, headers: PART, credentials: "same-origin", redirect: "manual" });
    if (answer.type === "opaqueredirect") { location.reload(); throw new Error("signed out"); }
    return answer;
  }

  async function open() {
    if (!panel) {
      panel = document.createElement("aside");
      panel.id = "assistant";
      panel.className = "assistant";
      panel.setAttribute("aria-labelledby", "assistant-title");
      panel.hidden = true;
      document.body.append(panel);
    }
    if (!panel.childElementCount) {
      try { panel.append(part(await (await fetched(opener.href)).text())); }
      catch { location.href = opener.href; return; }
    }
    become(true);
    panel.querySelector("input[type=text]")?.focus();
  }

  function close() {
    if (!panel || panel.hidden) return;
    become(false);
    opener.focus();
  }

  /* Where there is room the page moves aside, and maps and plots are told that it has. */
  function become(isOpen) {
    panel.hidden = !isOpen;
    opener.setAttribute("aria-expanded", String(isOpen));
    document.body.classList.toggle("has-assistant", isOpen);
    window.dispatchEvent(new Event("resize"));
  }

  function show(talk, content) {
    const made = [...content.children];
    talk.append(content);
    made[0]?.scrollIntoView({ block: "start" });
    return made;
  }

  async function ask(form, button) {
    const home = form.closest("#assistant, [data-assistant-home]");
    const talk = home.querySelector("[data-assistant-talk]");
    const values = new FormData(form);
    if (button?.name) values.set(button.name, button.value);
    const buttons = home.querySelectorAll("[data-assistant-form] button");
    for (const one of buttons) one.disabled = true;
    talk.setAttribute("aria-busy", "true");
    try {
      const answer = await fetched(form.action, { method: "POST", body: new URLSearchParams(values) });
      const made = show(talk, part(await answer.text()));
      if (answer.ok) {
        for (const before of home.querySelectorAll("input[name=before]")) before.value = values.get("question");
        if (form.matches(".assistant-ask")) form.reset();
        for (const one of made) follow(one.querySelector("[data-assistant-words]"));
      }
    } catch {
      show(talk, part("")), talk.append(notice("The question did not arrive. Check the connection and ask again."));
    } finally {
      for (const one of buttons) one.disabled = false;
      talk.removeAttribute("aria-busy");
      if (form.matches(".assistant-ask")) form.querySelector("input[type=text]").focus();
    }
  }

  /* Gemini's words come when they come; until then the line says for how long they have been waited for. */
  async function follow(line) {
    for (let tries = 0; line?.dataset.assistantWords && tries < MOST_WAITS; tries += 1) {
      await new Promise((done) => { setTimeout(done, WAIT_MILLISECONDS); });
      if (!line.isConnected) return;
      try {
        const answer = await fetched(line.dataset.assistantWords);
        if (!answer.ok) throw new Error(answer.status);
        const next = part(await answer.text()).firstElementChild;
        if (next.dataset.assistantWords) line.textContent = "", line.append(...next.childNodes);
        else { line.replaceWith(next); return; }
      } catch { /* asked again in a second */ }
    }
    if (line?.isConnected) line.replaceWith(notice("No AI draft came. The answer above is by rule."));
  }

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-assistant-form]");
    if (!form) return;
    event.preventDefault();
    ask(form, event.submitter);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && panel && !panel.hidden && !event.defaultPrevented) close();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-assistant-close]")) close();
  });
  if (opener && !document.querySelector("[data-assistant-home]")) {
    opener.setAttribute("aria-expanded", "false");
    opener.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      if (panel && !panel.hidden) close();
      else open();
    });
  }
  for (const line of document.querySelectorAll("[data-assistant-words]")) follow(line);
  return { open, close };
})();
