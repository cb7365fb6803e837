/* Now or then: the live network, or its history replayed half-hour by half-hour. */
window.Sntry = window.Sntry || {};

Sntry.time = (() => {
  const HALF_HOUR = 1800000, FRAME_MILLISECONDS = 700, KEPT_FRAMES = 200;
  const bar = document.getElementById("time");
  const choice = document.getElementById("period");
  const slider = document.getElementById("time-slider");
  const play = document.getElementById("time-play");
  const pace = document.getElementById("time-pace");
  const label = document.getElementById("time-label");
  const custom = { from: document.getElementById("time-from"), to: document.getElementById("time-to") };
  const frames = new Map();
  let range = null, moment = "", timer = null, sliding = null, wanted = 0, isPlaying = false;

  const text = (at) => new Date(at).toISOString().slice(0, 16) + "Z";
  const whole = (at) => Math.floor(at / HALF_HOUR) * HALF_HOUR;

  function rangeOf(period) {
    if (period === "custom") {
      const from = Date.parse(`${custom.from.value}T00:00Z`), to = Date.parse(`${custom.to.value}T23:30Z`);
      return from <= to ? { from, to } : null;
    }
    const { from, to } = choice.querySelector(`option[value="${CSS.escape(period)}"]`)?.dataset || {};
    return from ? { from: Date.parse(from), to: Date.parse(to) } : null;
  }

  /* What the address asks for. */
  async function readAddress() {
    const period = Sntry.address.get("period");
    if (period === "custom") for (const name of ["from", "to"]) if (Sntry.address.get(name)) custom[name].value = Sntry.address.get(name);
    const next = period ? rangeOf(period) : null;
    choice.value = next || period === "custom" ? period : "";
    bar.dataset.period = choice.value;
    if (!next) { if (!period || period !== "custom") goLive(); else say(); return; }
    enter(next);
    const asked = Date.parse(Sntry.address.get("time"));
    await go(Number.isFinite(asked) ? asked : next.from);
  }

  function mark(state) {
    bar.dataset.state = state;
    document.getElementById("time-live").setAttribute("aria-pressed", String(state === "live"));
    document.getElementById("time-past").setAttribute("aria-pressed", String(state === "past"));
  }

  function enter(next) {
    range = next;
    slider.max = Math.round((next.to - next.from) / HALF_HOUR);
    document.body.classList.add("is-past");
    Sntry.route.hide();
    mark("past");
  }

  function goLive() {
    const wasPast = range !== null;
    stop();
    range = null;
    moment = "";
    document.body.classList.remove("is-past");
    mark("live");
    Sntry.live.say();
    if (!wasPast) return;
    Sntry.sites.showPast(null);
    Sntry.live.again();
    Sntry.events.reload();
    Sntry.list.askActions();
  }

  async function go(at) {
    const to = Math.min(Math.max(whole(at), whole(range.from)), whole(range.to));
    slider.value = Math.round((to - range.from) / HALF_HOUR);
    wanted += 1;
    const number = wanted, wasPast = Sntry.sites.isPast;
    say(to);
    const frame = await frameAt(text(to));
    if (number !== wanted || range === null) return;
    if (frame === null) { label.textContent = "This moment could not be read; try again."; stop(); return; }
    moment = text(to);
    Sntry.address.set({ time: moment });
    Sntry.sites.showPast(frame.sites);
    figures(frame.sites);
    say(to);
    document.body.dataset.moment = moment;
    Sntry.live.say();
    if (!isPlaying || !wasPast) settle();
  }

  /* The log and the chosen site follow when the slider has come to rest. */
  function settle() {
    Sntry.events.reload();
    Sntry.list.askActions();
  }

  async function frameAt(at) {
    const key = Sntry.address.only(["operator", "city", "type"], { at });
    if (!frames.has(key)) {
      const answer = await fetch(`${bar.dataset.url}?${key}`).catch(() => null);
      if (!answer?.ok) return null;
      if (frames.size >= KEPT_FRAMES) frames.delete(frames.keys().next().value);
      frames.set(key, await answer.json());
    }
    return frames.get(key);
  }

  function figures({ id, available = [], occupied = [], out = [], utilization = [], loss = [], risk = [], level = [] }) {
    const sum = (column) => column.reduce((total, value) => total + Number(value), 0);
    const count = (number) => number.toLocaleString("en");
    const usable = sum(available) + sum(occupied), ports = usable + sum(out);
    const told = risk.filter((one) => one !== null).length;
    const said = {
      usable: [ports ? `${((100 * usable) / ports).toFixed(1)} %` : "–", `${count(usable)} of ${count(ports)} in service · ${count(sum(out))} out`],
      loss: [`${Sntry.dollars(sum(loss))}/h`, told ? "estimate" : "estimate, of ports that were out"],
      utilization: [id.length ? `${(sum(utilization) / id.length).toFixed(1)} %` : "–", `usually ${usualOf(id)} %`],
      risk: [told ? count(level.filter((one) => one > 0).length) : "–", told ? `forecasts kept of ${count(told)} sites` : "no forecasts were kept of that time"],
      sites: [count(id.length), `of ${count(Sntry.sites.size)}`],
    };
    for (const [name, [figure, note]] of Object.entries(said)) {
      document.getElementById(`past-${name}`).textContent = figure;
      document.getElementById(`past-${name}-note`).textContent = note;
    }
  }

  function usualOf(ids) {
    const rows = ids.map(Sntry.sites.row).filter((row) => row !== undefined);
    return rows.length ? (rows.reduce((total, row) => total + Sntry.sites.place.usual[row], 0) / rows.length).toFixed(1) : "–";
  }

  function say(at) {
    if (range === null) {
      label.textContent = choice.value === "custom" ? "Choose a first and a last day." : "";
      return;
    }
    const day = new Date(at);
    const words = day.toLocaleString("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
    label.textContent = `${words} UTC`;
    slider.setAttribute("aria-valuetext", label.textContent);
  }

  function choose(period) {
    stop();
    Sntry.address.set({ period, time: "", from: "", to: "" }, { push: true });
    if (period === "custom") Sntry.address.set({ from: custom.from.value, to: custom.to.value });
    readAddress();
  }

  function start() {
    choice.addEventListener("change", () => choose(choice.value));
    document.getElementById("time-live").addEventListener("click", () => choose(""));
    document.getElementById("time-past").addEventListener("click", () => choose(choice.options[1]?.value || "custom"));
    for (const field of Object.values(custom)) field.addEventListener("change", () => choose("custom"));
    slider.addEventListener("input", onSlide);
    play.addEventListener("click", () => (isPlaying ? stop() : run()));
    if (Sntry.address.get("period")) document.addEventListener("sntry:sites", readAddress, { once: true });
  }

  /* While the slider moves only its label follows; what it passes quickly is not asked for. */
  function onSlide() {
    if (!range) return;
    const at = range.from + slider.valueAsNumber * HALF_HOUR;
    say(at);
    clearTimeout(sliding);
    sliding = setTimeout(() => { if (range) go(at); }, 80);
  }

  function run() {
    if (slider.valueAsNumber >= Number(slider.max)) slider.value = 0;
    isPlaying = true;
    shown();
    beat();
  }

  async function beat() {
    if (!isPlaying || range === null) return;
    const at = slider.valueAsNumber + Number(pace.value);
    const began = performance.now();
    await go(range.from + at * HALF_HOUR);
    if (at >= Number(slider.max)) { stop(); settle(); return; }
    timer = setTimeout(beat, Math.max(0, FRAME_MILLISECONDS - (performance.now() - began)));
  }

  function stop() {
    const was = isPlaying;
    clearTimeout(timer);
    isPlaying = false;
    shown();
    if (was && range !== null) settle();
  }

  function shown() {
    play.setAttribute("aria-pressed", String(isPlaying));
    play.textContent = isPlaying ? "Pause" : "Play";
  }

  return {
    start, readAddress,
    refresh() { if (range) { go(range.from + slider.valueAsNumber * HALF_HOUR); return true; } return false; },
    get moment() { return moment; },
  };
})();
