// Asks once a second how far the job is, and shows the whole page anew when it has ended.
"use strict";

const card = document.getElementById("job");
const part = (name) => card.querySelector(`[data-part="${name}"]`);
const number = new Intl.NumberFormat("en-US");

function duration(seconds) {
  if (seconds < 90) return `${seconds} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function show(job) {
  const badge = document.createElement("span");
  badge.className = `badge badge-${job.colour}`;
  badge.textContent = `${job.shape} ${job.word}`;
  part("badge").replaceChildren(badge);
  if (job.percent === null) part("bar").removeAttribute("value");
  else part("bar").value = job.percent;
  part("percent").textContent = job.percent === null ? "–" : `${job.percent} %`;
  part("count").textContent = number.format(job.done) + (job.total ? ` of ${number.format(job.total)}` : "");
  part("rate").textContent = job.rate;
  const elapsed = job.seconds ? `${duration(job.seconds)} so far` : "";
  part("left").textContent = job.seconds_left === null ? elapsed : `${duration(job.seconds_left)} left`;
  if (part("message").textContent !== job.message) part("message").textContent = job.message;
}

async function ask() {
  try {
    const response = await fetch(card.dataset.progressUrl, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const job = await response.json();
    if (job.ended) return location.reload();
    show(job);
  } catch (error) {
    part("left").textContent = "reconnecting";
  }
  setTimeout(ask, 1000);
}

if (card.dataset.ended === "no") setTimeout(ask, 1000);
