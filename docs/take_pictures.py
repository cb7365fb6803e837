"""Take the pictures of docs/tour.md: a demo network of its own, used in Chromium as its people use it. `make tour`."""

import argparse
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "tour"
CHROMIUM = os.environ.get("SNTRY_CHROMIUM", "/usr/bin/chromium")
NOT_COPIED = shutil.ignore_patterns("var", ".venv", ".git", "tests", "*cache*")
EMBEDDED = ("DATABASE_URL", "REDIS_URL", "REDIS_PREFIX", "GEMINI_API_KEY", "OSRM_URL")  # unset: the engines of its own
SITES, DAYS, SEED_OF_TICKS = 150, 30, "11"
START_MINUTES, LEARN_MINUTES = 20, 60
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 360, "height": 780}
PATIENCE_MS = 120_000  # with a machine that does other things
QUALITY, MOST_BYTES = 76, 2_500_000
CITY, TECHNICIAN = "Seattle", "SEA-2"  # whom the demo user `technician` is
TO_DO = "a.stop:not(h2 ~ a.stop)"  # on the technician's day, and not those that wait to be verified
MOST_ORDERS = 5  # that are asked for until the technician has one


@dataclass
class World:
    """A running `manage.py up`: where it lies, its address, and the passwords of its people."""

    folder: Path
    url: str

    @property
    def passwords(self) -> dict[str, str]:
        lines = (self.folder / "var" / "demo_users.txt").read_text().splitlines()
        return dict(line.split() for line in lines)


@contextmanager
def new_world() -> Iterator[World]:
    """A copy of the source with a network from nothing, removed afterwards, so that nobody's own data is touched."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name not in EMBEDDED}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "sntry")
        shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
        command = [sys.executable, "manage.py", "up", f"--port={port}", f"--sites={SITES}", f"--days={DAYS}"]
        up = subprocess.Popen(
            command, cwd=folder, env={**environment, "TICK_SEED": SEED_OF_TICKS}, stdout=subprocess.DEVNULL
        )
        try:
            wait_until(lambda: answers(port, up), START_MINUTES, "the network answers")
            yield World(folder, f"http://127.0.0.1:{port}")
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait()


def answers(port: int, up: subprocess.Popen) -> bool:
    if up.poll() is not None:
        sys.exit("`manage.py up` ended; its messages are above.")
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool], minutes: float, what: str) -> None:
    """Ask every two seconds; ends the command with a sentence when it takes longer than `minutes`."""
    deadline = time.monotonic() + 60 * minutes
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"Waited {minutes:g} minutes in vain until {what}.")
        time.sleep(2)


@dataclass
class Camera:
    """Opens pages as somebody, and keeps what it sees."""

    world: World
    browser: Browser
    sizes: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, dict] = field(default_factory=dict)

    @contextmanager
    def at(self, address: str, user: str = "", *, phone: bool = False, dark: bool = False) -> Iterator[Page]:
        """A page as `user` sees it, on a desk or on a phone, in either theme."""
        context = self.browser.new_context(
            viewport=PHONE if phone else DESKTOP,
            device_scale_factor=2 if phone else 1,
            has_touch=phone,
            color_scheme="dark" if dark else "light",
            storage_state=self.session(user) if user else None,
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(self.world.url + address)
        yield page
        context.close()

    def session(self, user: str) -> dict:
        """The cookies of `user`, who logs in once."""
        if user not in self.sessions:
            with self.at("/login/") as page:
                page.get_by_label("User name").fill(user)
                page.get_by_label("Password").fill(self.world.passwords[user])
                page.get_by_role("button", name="Log in").click()
                page.wait_for_url(lambda url: "/login/" not in url)
                self.sessions[user] = page.context.storage_state()
        return self.sessions[user]

    def take(self, name: str, page: Page, height: int = 0) -> None:
        """Keep what the page shows as `name`.webp; with `height`, of a window so high."""
        if height:
            page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
        page.mouse.move(3, 3)
        page.wait_for_timeout(900)  # maps and highlights come to rest
        kept = io.BytesIO()
        picture = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
        picture.convert("RGB").save(kept, "WEBP", quality=QUALITY, method=6)
        (PICTURES / f"{name}.webp").write_bytes(kept.getvalue())
        self.sizes[name] = len(kept.getvalue())
        print(f"{name:<20} {len(kept.getvalue()) / 1000:6.0f} kB", flush=True)


def live(page: Page) -> None:
    """Wait until the board is live and its map is drawn."""
    page.locator("#connection-text", has_text="Live").wait_for()
    page.wait_for_function("() => document.body.dataset.drawn > 0")


def learnt(camera: Camera) -> bool:
    """Whether the last of the jobs that a new network queues, the one that learns causes, has ended."""
    with camera.at("/jobs/?kind=train_causes", "admin") as page:
        ended = page.locator("#jobs tbody .job-state", has_text=re.compile("Done|Failed|Cancelled"))
        return ended.count() > 0


def stress_the_worst(camera: Camera) -> None:
    """Hold the worst site and one in the technician's city under stress, and wait until the network has answered."""
    for address in ("/", f"/?city={CITY}"):
        with camera.at(address, "ops") as page:
            live(page)
            page.locator("#at-risk-body .site-name").first.click()
            page.locator("#actions button", has_text="Stress").click()
            page.locator("#actions .notice", has_text="held under stress").wait_for()
    time.sleep(45)  # a few ticks: the cabinets heat up, prices and orders follow


def board(camera: Camera) -> None:
    for name, dark in (("board", False), ("board-dark", True)):
        with camera.at("/", "ops", dark=dark) as page:
            live(page)
            page.locator("#at-risk-body .site-name").first.click()
            page.locator("#what-dispatch").wait_for()
            if not dark:  # the whole network here, and what the map says of one site there
                page.locator(".leaflet-popup-close-button").click()
                page.locator("#show-all").click()
            camera.take(name, page, height=1020)


def replay(camera: Camera) -> None:
    with camera.at("/", "ops") as page:
        live(page)
        page.locator("#time-past").click()
        page.wait_for_function("() => document.body.classList.contains('is-past') && document.body.dataset.moment")
        slider = page.locator("#time-slider")
        slider.fill(str(int(slider.get_attribute("max")) // 2))
        page.wait_for_timeout(2000)
        camera.take("replay", page, height=1020)


def worst_site(camera: Camera) -> None:
    with camera.at("/", "ops") as page:
        live(page)
        page.locator("#at-risk-body .site-name").first.click()
        page.locator("#actions a", has_text="Site page").click()
        page.wait_for_url("**/sites/**")
        page.wait_for_timeout(2000)
        camera.take("site", page, height=1400)


def admin(camera: Camera) -> None:
    with camera.at("/admin/", "ops") as page:
        page.wait_for_load_state("networkidle")
        camera.take("dashboard", page, height=1100)
    with camera.at("/admin/stations/charger/?state_status=FAULTED&o=-4", "ops") as page:
        save_view(page, "Faulted, hottest first")
        camera.take("list", page)
        page.locator("#result_list tbody th a").first.click()
        page.wait_for_load_state("networkidle")
        camera.take("charger", page, height=1100)


def save_view(page: Page, name: str) -> None:
    """Keep what the list is asked under a name, for all colleagues; nothing where that has been done."""
    if page.locator(".views a", has_text=name).count():
        return
    page.locator("summary", has_text="Save view").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Shared").check()
    page.locator(".tool[open] button[type=submit]").click()
    page.locator(".views a[aria-current]", has_text=name).wait_for()


def dispatching(camera: Camera) -> None:
    with camera.at("/dispatch/", "dispatcher") as page:
        page.wait_for_load_state("networkidle")
        camera.take("dispatch", page, height=1100)


def phones(camera: Camera) -> None:
    send_an_order(camera)
    with camera.at("/work/", "technician", phone=True) as page:
        page.wait_for_load_state("networkidle")
        camera.take("work-day", page)
        page.locator(TO_DO).first.click()
        page.locator("#card").wait_for()
        camera.take("work-order", page)
    with camera.at("/drive/", phone=True) as page:
        page.get_by_label("City, or latitude").fill(CITY)
        page.get_by_role("button", name="Search").click()
        page.get_by_role("heading", name="Best choice").wait_for()
        page.get_by_role("heading", name="Best choice").scroll_into_view_if_needed()
        camera.take("drive", page)


def send_an_order(camera: Camera) -> None:
    """Send the technician to an order of the city; again, while the simulated crews are faster."""
    for row in range(MOST_ORDERS):
        ask_for_an_order(camera, row)
        with camera.at(f"/dispatch/?city={CITY}", "dispatcher") as page:
            if page.locator(".lane input[name=order]").count():
                page.locator(".lane input[name=order]").last.check()
                option = page.locator("#technician option", has_text=TECHNICIAN).get_attribute("value")
                page.locator("#technician").select_option(option)
                page.locator("#assign").click()
                page.wait_for_load_state("networkidle")
        with camera.at("/work/", "technician", phone=True) as page:
            if page.locator(TO_DO).count():
                return
    sys.exit(f"None of {MOST_ORDERS} orders in {CITY} reached {TECHNICIAN} before a simulated crew had it.")


def ask_for_an_order(camera: Camera, row: int) -> None:
    """Ask from the board for an order for one of the city's sites, the worst first."""
    with camera.at(f"/?city={CITY}", "ops") as page:
        live(page)
        page.locator("#at-risk-body .site-name").nth(row).click()
        page.locator("#actions button", has_text="Dispatch").click()
        page.locator("#actions .notice").wait_for()


def reliability(camera: Camera) -> None:
    with camera.at("/reliability/", "ops") as page:
        questions = page.locator(".questions a").evaluate_all("(links) => links.map((link) => link.href)")
        for address in reversed(questions):  # so that each is answered when the list of them is shown
            page.goto(address)
            page.locator(".said").wait_for(timeout=1_800_000)
        camera.take("reliability-answer", page, height=1100)
        page.goto(camera.world.url + "/reliability/")
        camera.take("reliability", page, height=900)


def lab_and_jobs(camera: Camera) -> None:
    with camera.at("/admin/policy-lab/", "admin") as page:
        page.get_by_role("button", name="Compare").click()
        page.wait_for_load_state("networkidle")
        with camera.at("/jobs/", "admin") as jobs:
            jobs.wait_for_timeout(4000)
            camera.take("jobs", jobs)
        page.locator("table.findings").wait_for(timeout=1_800_000)
        camera.take("policy-lab", page, height=1100)


def model(camera: Camera) -> None:
    with camera.at("/admin/telemetry/modelversion/", "admin") as page:
        page.locator("#result_list tbody tr", has_text="orecast").locator("th a").first.click()
        page.wait_for_load_state("networkidle")
        camera.take("model", page, height=1200)


def assistant(camera: Camera) -> None:
    with camera.at("/", "ops") as page:
        live(page)
        page.locator("[data-assistant]").click()
        page.locator(".suggested .chip").first.click()
        page.locator(".assistant-talk .assistant-answer, .assistant-talk article").first.wait_for()
        camera.take("assistant", page)


def contract(camera: Camera) -> None:
    with camera.at("/api/docs/") as page:
        page.locator(".opblock-tag").first.wait_for()
        camera.take("api", page)


STOPS = (admin, board, replay, worst_site, dispatching, phones, reliability, lab_and_jobs, model, assistant, contract)


def walk(world: World, wanted: list[str]) -> None:
    """Take the pictures of the stops named, or of all."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        camera = Camera(world, browser)
        wait_until(lambda: learnt(camera), LEARN_MINUTES, "the network has learnt from its history")
        stress_the_worst(camera)
        for stop in STOPS:
            if not wanted or stop.__name__ in wanted:
                stop(camera)
        browser.close()
    total = sum(each.stat().st_size for each in PICTURES.glob("*.webp"))
    print(f"{total / 1e6:.2f} MB in all")
    if total > MOST_BYTES:
        sys.exit(f"The pictures have more than {MOST_BYTES / 1e6:g} MB together: show less, or lower QUALITY.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stops", nargs="*", choices=[[], *(stop.__name__ for stop in STOPS)], help="default: all")
    parser.add_argument("--world", metavar="FOLDER", type=Path, help="of a running `manage.py up` to be used instead")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="its address")
    asked = parser.parse_args()
    PICTURES.mkdir(exist_ok=True)
    if asked.world:
        return walk(World(asked.world, asked.url), asked.stops)
    print(f"Making a network of {SITES} sites and learning from it; that takes a quarter of an hour ...", flush=True)
    with new_world() as world:
        walk(world, asked.stops)


if __name__ == "__main__":
    main()
