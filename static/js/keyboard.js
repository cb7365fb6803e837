/* Keys that work on every page of ours: / and Ctrl-K find, ? lists the keys, g and a letter goes to a page.
   Who has not signed in has no palette: there / goes to the page's own search. */
(() => {
  const GO_MILLISECONDS = 1200, TYPING_MILLISECONDS = 120, MOST_PAGES = 8;
  const palette = document.getElementById("palette"), keys = document.getElementById("keys");
  if (!keys) return;
  const input = document.getElementById("palette-input");
  const list = document.getElementById("palette-found"), said = document.getElementById("palette-said");
  const pages = [...keys.querySelectorAll("a[data-key]")];
  let goUntil = 0, typing = 0, asked = null;

  function isTyping(target) {
    return target.closest?.("input:not([type=checkbox], [type=radio], [type=range], [type=button], [type=submit]), textarea, select, [contenteditable]");
  }

  function openPalette() {
    if (!palette) return;
    if (keys.open) keys.close();
    if (!palette.open) palette.showModal();
    input.value = "";
    input.focus();
    look();
  }

  function option(found, index) {
    const row = document.createElement("li"), link = document.createElement("a"), about = document.createElement("span");
    row.id = `palette-${index}`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", "false");
    link.href = found.url;
    link.tabIndex = -1;
    link.textContent = found.name;
    about.className = "quiet";
    about.textContent = found.about ? `${found.kind} · ${found.about}` : found.kind;
    row.append(link, about);
    row.addEventListener("click", () => link.click());
    link.addEventListener("click", (event) => event.stopPropagation());
    return row;
  }

  function choose(row) {
    for (const each of list.children) each.setAttribute("aria-selected", String(each === row));
    if (row) input.setAttribute("aria-activedescendant", row.id);
    else input.removeAttribute("aria-activedescendant");
    row?.scrollIntoView({ block: "nearest" });
  }

  function chosen() { return list.querySelector('[aria-selected="true"]'); }

  function show(found, words) {
    list.replaceChildren(...found.map(option));
    choose(list.firstElementChild);
    said.textContent = words;
  }

  function pagesNamed(words) {
    const wanted = words.toLowerCase();
    return pages.filter((page) => page.textContent.toLowerCase().includes(wanted))
      .slice(0, MOST_PAGES).map((page) => ({ kind: "Page", name: page.textContent, url: page.href }));
  }

  async function look() {
    const words = input.value.trim(), named = pagesNamed(words);
    asked?.abort();
    if (words.length < 2 && !/^\d$/.test(words)) return show(named, words ? "Type another letter for sites and orders." : "");
    asked = new AbortController();
    try {
      const answer = await fetch(`${palette.dataset.url}?q=${encodeURIComponent(words)}`, { signal: asked.signal, redirect: "error" });
      if (!answer.ok) throw new Error(answer.status);
      const found = [...named, ...(await answer.json()).found];
      show(found, found.length ? "" : `Nothing that you may see is called “${words}”.`);
    } catch (error) {
      if (error.name !== "AbortError") show(named, "Sites and orders cannot be searched now; the connection failed or you are signed out.");
    }
  }

  input?.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(look, TYPING_MILLISECONDS); });
  input?.addEventListener("keydown", (event) => {
    const row = chosen();
    if (event.key === "ArrowDown") choose(row?.nextElementSibling || list.firstElementChild);
    else if (event.key === "ArrowUp") choose(row?.previousElementSibling || list.lastElementChild);
    else if (event.key === "Enter") row?.querySelector("a").click();
    else return;
    event.preventDefault();
  });
  for (const dialog of [palette, keys]) dialog?.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  function searchHere() {
    const field = [...document.querySelectorAll("main [type=search], main [data-search]")].find((each) => each.offsetParent);
    if (field) { field.focus(); field.select(); } else openPalette();
  }

  document.addEventListener("keydown", (event) => {
    if (palette && event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      event.preventDefault();
      return openPalette();
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
    const page = performance.now() < goUntil && pages.find((each) => each.dataset.key === event.key);
    goUntil = 0;
    if (page) { event.preventDefault(); location.href = page.href; }
    else if (document.querySelector("dialog[open]")) return;
    else if (event.key === "g") goUntil = performance.now() + GO_MILLISECONDS;
    else if (event.key === "/") { event.preventDefault(); searchHere(); }
    else if (event.key === "?") { event.preventDefault(); keys.showModal(); }
  });
  for (const opener of document.querySelectorAll("[data-open-keys]")) opener.addEventListener("click", () => keys.showModal());
})();
