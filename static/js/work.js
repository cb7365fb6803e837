/* What a phone does where there is no network: keeps what was sent, says so, and sends it again, each once by its key. */
window.Sntry = window.Sntry || {};

Sntry.work = (() => {
  const AGAIN_MILLISECONDS = 15000, MOST_TRIES = 40, LONGEST_EDGE = 2000, QUALITY = 0.82;
  const badge = document.getElementById("unsent");
  let isSending = false;

  /* The rows that wait: in the browser's own database, because photos do not fit elsewhere. */
  const opened = new Promise((resolve, reject) => {
    const request = indexedDB.open("sntry-work", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("unsent", { keyPath: "id", autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

  async function store(mode, act) {
    const rows = (await opened).transaction("unsent", mode).objectStore("unsent");
    return new Promise((resolve, reject) => {
      const request = act(rows);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }
  const waiting = () => store("readonly", (rows) => rows.getAll());
  const keep = (row) => store("readwrite", (rows) => rows.put(row));
  const forget = (id) => store("readwrite", (rows) => rows.delete(id));

  function person() { return document.querySelector(".menu-name")?.textContent.trim() || ""; }

  async function show() {
    const rows = (await waiting()).filter((row) => row.by === person());
    const open = rows.filter((row) => !row.refusal).length;
    badge.dataset.unsent = String(open);
    badge.className = `badge ${rows.length ? "watch" : "available"}`;
    badge.replaceChildren(mark(rows.length ? "◆" : "●"), rows.length ? ` ${rows.length} not sent yet` : " saved");
    list(rows.filter((row) => row.refusal));
  }

  function mark(shape) {
    const span = document.createElement("span");
    span.setAttribute("aria-hidden", "true");
    span.textContent = shape;
    return span;
  }

  /* What was sent late and not taken stays until its reader has seen why. */
  function list(refused) {
    let place = document.getElementById("unsent-list");
    if (!place) {
      place = Object.assign(document.createElement("div"), { id: "unsent-list" });
      document.querySelector(".work").prepend(place);
    }
    place.replaceChildren(...refused.map((row) => {
      const notice = Object.assign(document.createElement("div"), { className: "notice critical" });
      notice.setAttribute("role", "alert");
      const words = document.createElement("p");
      words.textContent = `${row.what} was sent late and not taken: ${row.refusal}`;
      const button = Object.assign(document.createElement("button"), { className: "button", type: "button", textContent: "Understood" });
      button.addEventListener("click", () => forget(row.id).then(show));
      notice.append(words, button);
      return notice;
    }));
  }

  function token() { return JSON.parse(document.body.getAttribute("hx-headers:inherited"))["X-CSRFToken"]; }

  /* What the network or the server cannot take now; it is asked again. Everything else is an answer. */
  const isLater = (status) => [0, 401, 403, 408, 425, 429].includes(status) || status >= 500;

  async function send(row) {
    const body = new FormData();
    for (const [name, value] of row.entries) body.append(name, value);
    body.delete("csrfmiddlewaretoken");
    const answer = await fetch(row.url, { method: "POST", body, redirect: "manual", headers: { "X-CSRFToken": token(), "HX-Request": "true" } });
    if (answer.ok) { await forget(row.id); return "sent"; }
    if (isLater(answer.status)) {
      const tries = (row.tries || 0) + 1;
      await keep({ ...row, tries, refusal: tries < MOST_TRIES ? "" : `the server answers with an error (${answer.status}); tell your dispatcher` });
      return "later";
    }
    const text = await answer.text();
    const page = new DOMParser().parseFromString(text, "text/html");
    const isPlain = (answer.headers.get("Content-Type") || "").startsWith("text/plain");
    const said = isPlain ? text : [...page.querySelectorAll("[role=alert]")].map((one) => one.textContent).join(" ");
    await keep({ ...row, refusal: said.replace(/\s+/g, " ").trim().slice(0, 600) || `refused (${answer.status})` });
    return "refused";
  }

  /* In the order in which it was sent; what comes after a row of the same order that has to wait, waits with it. */
  async function flush() {
    if (isSending || !navigator.onLine) return;
    isSending = true;
    let sent = 0;
    const stuck = new Set();
    try {
      for (const row of await waiting()) {
        if (row.refusal || row.by !== person() || stuck.has(row.what)) continue;
        const outcome = await send(row);
        if (outcome === "sent") sent += 1;
        if (outcome === "later") stuck.add(row.what);
      }
    } catch { /* no network: the next turn tries again, in the same order */ }
    isSending = false;
    await show();
    if (sent && !(await waiting()).some((row) => !row.refusal && row.by === person())) location.reload();
  }

  /* What did not get through is kept as it was sent, with its address: a field of the form may be called "action". */
  async function keepRequest(form, context) {
    const body = context?.request?.body;
    const isWhole = body instanceof FormData || body instanceof URLSearchParams;
    const entries = [...(isWhole ? body : new FormData(form)).entries()];
    const url = context?.request?.action || form.getAttribute("action");
    try {
      for (const row of await waiting()) {
        if (row.url === url && /\/draft\/$/.test(url)) await forget(row.id); // of drafts only the last counts
      }
      await keep({ url, entries, what: form.dataset.keep, by: person(), at: Date.now() });
      form.classList.add("is-sending");
      await show();
    } catch {
      badge.className = "badge critical";
      badge.replaceChildren(mark("▲"), " not saved: keep this page open");
    }
  }

  const formOf = (event) => event.target.closest?.("form[data-keep]") || event.detail?.ctx?.sourceElement?.closest?.("form[data-keep]");

  function onError(event) {
    const form = formOf(event);
    if (form) keepRequest(form, event.detail.ctx);
  }

  /* A server in trouble answers with a page of its own, which must not take the place of the card. */
  function onResponse(event) {
    const form = formOf(event), context = event.detail.ctx;
    if (!form || !isLater(context.response.status)) return;
    if (context.response.status !== 401) event.preventDefault(); // 401 leads to the login page
    keepRequest(form, context);
  }

  /* Photos leave the phone small: 2000 pixels are enough to read a label. */
  async function shrink(file) {
    try {
      const image = await createImageBitmap(file, { imageOrientation: "from-image" });
      const scale = Math.min(1, LONGEST_EDGE / Math.max(image.width, image.height));
      const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(image.width * scale), height: Math.round(image.height * scale) });
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
      return blob && blob.size < file.size ? new File([blob], "photo.jpg", { type: "image/jpeg" }) : file;
    } catch { return file; }
  }

  async function onPhotos(event) {
    const input = event.target;
    if (!input.matches("form[data-photos] input[type=file]") || !input.files.length) return;
    const small = new DataTransfer();
    for (const file of input.files) small.items.add(await shrink(file));
    input.files = small.files;
    input.form.querySelector("[name=key]").value = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2);
    input.form.requestSubmit();
  }

  /* What is being typed survives a reload, until the server has it. */
  const draftName = (field) => `draft ${field.dataset.draft} ${field.name}`;
  function restore() {
    for (const field of document.querySelectorAll("[data-draft]")) {
      const kept = localStorage.getItem(draftName(field));
      if (kept !== null && kept !== field.value) field.value = kept;
    }
  }
  function onInput(event) {
    if (event.target.matches?.("[data-draft]")) localStorage.setItem(draftName(event.target), event.target.value);
  }
  function onAnswer(event) {
    const url = event.detail?.ctx?.request?.action || "";
    const status = event.detail?.ctx?.response?.status || event.detail?.ctx?.response?.raw?.status;
    if (/\/(draft|step)\//.test(url) && status === 200) {
      for (const field of document.querySelectorAll("[data-draft]")) localStorage.removeItem(draftName(field));
    }
  }

  function tell() {
    const problems = document.getElementById("problems");
    if (problems) problems.focus();
  }

  function count() {
    for (const time of document.querySelectorAll("[data-timer]")) {
      const minutes = Math.max(0, Math.floor((Date.now() - Date.parse(time.dateTime)) / 60000));
      time.textContent = minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
    }
  }

  /* Apple's phones open their map by an address of its own. */
  function nameMaps() {
    if (!/iPhone|iPad|iPod/.test(navigator.userAgent)) return;
    for (const link of document.querySelectorAll("a[href^='geo:']")) {
      link.href = `maps://?daddr=${link.getAttribute("href").slice(4).split("?")[0]}`;
    }
  }

  document.addEventListener("htmx:error", onError);
  document.addEventListener("htmx:before:response", onResponse);
  document.addEventListener("htmx:after:request", onAnswer);
  document.addEventListener("htmx:after:swap", () => { tell(); count(); nameMaps(); });
  document.addEventListener("change", onPhotos);
  document.addEventListener("input", onInput);
  window.addEventListener("online", flush);
  setInterval(flush, AGAIN_MILLISECONDS);
  setInterval(count, 20000);
  restore();
  count();
  nameMaps();
  show().then(flush);
  return { flush, waiting };
})();
