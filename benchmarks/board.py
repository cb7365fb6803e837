"""The board in a real Chromium at 150 to 50,000 sites: first paint, pan frames, memory; and the server's time.

Beside it the plain way to draw sites, a DOM element for each, in the same browser at the same place.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.table import Table

from sntry_site import embedded, tasks

from .database import fresh_database
from .tick import fill

SIZES = tuple(int(size) for size in os.environ.get("BOARD_SIZES", "150,5000,50000").split(","))
LOADS = 5  # of the page, for the median of the first paint
REQUESTS = 60
PORT = 8977
CHROMIUM = os.environ.get("SNTRY_CHROMIUM", "/usr/bin/chromium")
ROOT = Path(__file__).resolve().parent.parent

# Drags the map by mouse events of its own for two seconds, and writes down how long each frame took.
PAN = """() => new Promise((done) => {
  const map = document.getElementById("map"), box = map.getBoundingClientRect();
  const x = box.left + box.width / 2, y = box.top + box.height / 2;
  const send = (target, type, dx, dy) => target.dispatchEvent(new MouseEvent(type, { bubbles: true, cancelable: true, view: window, clientX: x + dx, clientY: y + dy, button: 0, buttons: 1 }));
  const frames = [];
  let step = 0, last = performance.now();
  send(map.querySelector(".leaflet-map-pane"), "mousedown", 0, 0);
  const tick = (now) => {
    frames.push(now - last); last = now; step += 1;
    send(document, "mousemove", 120 * Math.sin(step / 12), 60 * Math.sin(step / 17));
    if (step % 30 === 0) { send(document, "mouseup", 0, 0); send(map.querySelector(".leaflet-map-pane"), "mousedown", 0, 0); }
    if (step < 120) requestAnimationFrame(tick);
    else { send(document, "mouseup", 0, 0); done(frames.slice(2)); }
  };
  requestAnimationFrame(tick);
})"""  # noqa: E501

# The plain way: an element for each site, added to the same map.
NAIVE = """() => {
  const { latitude, longitude } = Sntry.sites.place, began = performance.now();
  const layer = L.layerGroup().addTo(Sntry.map.leaflet);
  for (let row = 0; row < latitude.length; row += 1) L.marker([latitude[row], longitude[row]], { icon: L.divIcon({ className: "sntry-icon centre-mark", iconSize: [12, 12] }) }).addTo(layer);
  document.body.offsetHeight;
  return performance.now() - began;
}"""  # noqa: E501


def main() -> None:
    print(f"load average now: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    columns = ["sites", "first paint, median", "slowest", "pan frame, median", "p95", "as elements: added", "pan frame"]
    table = Table(*columns, "heap", "board, p50", "p95", "frame of the past, p95", title="The board")
    for sites in SIZES:
        with fresh_database():
            fill(sites)
            for number in range(2):
                tasks.tick(timezone.now() + timezone.timedelta(seconds=10 * (number - 2)))
            table.add_row(f"{sites:,}", *measure(sites))
    Console(width=200).print(table)
    print(f"load average at the end: {os.getloadavg()[0]:.1f}")


def measure(sites: int) -> list[str]:
    """One row of the table."""
    user = User.objects.create_superuser("boss")
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    page, past = served(client, "/"), served(client, f"/board/frame/?at={timezone.now():%Y-%m-%dT%H:%MZ}")
    cookie = client.cookies["sessionid"].value
    connections.close_all()
    server = start_server()
    try:
        paints, frames, heap, naive = in_browser(cookie, sites)
    finally:
        server.kill()
        server.wait()
    return [
        f"{statistics.median(paints):.0f} ms",
        f"{max(paints):.0f} ms",
        f"{statistics.median(frames):.0f} ms",
        f"{quantile(frames):.0f} ms",
        *naive,
        f"{heap:.0f} MB",
        f"{statistics.median(page):.0f} ms",
        f"{quantile(page):.0f} ms",
        f"{quantile(past):.0f} ms",
    ]


def quantile(values: list[float], share: float = 0.95) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def served(client: Client, address: str) -> list[float]:
    """Milliseconds that the server takes for a page, warm."""
    times = []
    for _ in range(REQUESTS + 3):
        begun = time.perf_counter()
        answer = client.get(address)
        times.append(1000 * (time.perf_counter() - begun))
        assert answer.status_code == 200, answer.status_code
    return times[3:]


def start_server() -> subprocess.Popen:
    """The web process on the benchmark's database."""
    address = urlsplit(os.environ.get("DATABASE_URL") or embedded.database_url())
    path = f"{address.path.rpartition('/')[0]}/{connection.settings_dict['NAME']}"
    environment = {
        **os.environ,
        "DATABASE_URL": urlunsplit(address._replace(path=path)),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
    }
    command = [sys.executable, "-m", "uvicorn", "sntry_site.asgi:application", "--port", str(PORT)]
    server = subprocess.Popen([*command, "--log-level", "error"], cwd=ROOT, env=environment)
    for _ in range(600):
        try:
            urlopen(f"http://127.0.0.1:{PORT}/healthz", timeout=2).close()
            return server
        except OSError:
            time.sleep(0.1)
    server.kill()
    raise TimeoutError("the web process did not answer within a minute")


def in_browser(cookie: str, sites: int) -> tuple[list[float], list[float], float, list[str]]:
    """First paints (ms), frames while panning (ms), the heap (MB), and the plain way's two figures."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--enable-precise-memory-info"]
        )
        context = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": f"http://127.0.0.1:{PORT}"}])
        page = context.new_page()
        first_paint(page)  # warms the server and the browser's cache of scripts
        paints = [first_paint(page) for _ in range(LOADS)]
        frames = page.evaluate(PAN)
        heap = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
        naive = ["-", "-"]
        if sites <= 5000:
            added = page.evaluate(NAIVE)
            naive = [f"{added:.0f} ms", f"{statistics.median(page.evaluate(PAN)):.0f} ms"]
        browser.close()
    return paints, frames, heap, naive


def first_paint(page: Page) -> float:
    """Milliseconds from asking for the page until the map shows the network's clusters and the list its sites."""
    page.goto(f"http://127.0.0.1:{PORT}/", wait_until="commit")
    page.wait_for_function(
        "document.body?.dataset.drawn > 0 && document.querySelector('#at-risk-body tr[data-js]')", timeout=120_000
    )
    return page.evaluate("performance.now()")


if __name__ == "__main__":
    main()
