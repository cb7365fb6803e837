"""The whole story on real engines: a file comes in, the network moves, and a browser's socket hears of it."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from urllib.request import Request, urlopen

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from maintenance.models import ServiceCentre, Technician, WorkOrder
from pricing.models import PriceChange
from sntry_site import tasks
from stations.models import Charger, FleetEvent, Operator, Site
from telemetry.models import ModelVersion, Reading, SiteState, Tick

from .live_server import ROOT, RunningSite

SITES, DAYS = 30, 20


@pytest.fixture
def history(tmp_path, settings):
    """A file of the 33 columns that ends now, with heat and crowds enough to learn from."""
    settings.MODEL_DIR = tmp_path
    path = tmp_path / "history.csv.gz"
    now = timezone.now()
    end = f"{now.replace(minute=now.minute // 30 * 30):%Y-%m-%dT%H:%M}"
    call_command(
        "generate_history", sites=SITES, days=DAYS, seed=3, end=end, scenario="plain", csv=str(path), verbosity=0
    )
    return path


@pytest.fixture
def tick_worker(live_site: RunningSite, settings):
    """A real Celery worker on the queue of ticks, with the test database and the model of the test."""
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "sntry_site",
        "worker",
        "-Q",
        "tick",
        "-P",
        "solo",
        "-l",
        "WARNING",
    ]
    environment = {**live_site.environment, "MODEL_DIR": str(settings.MODEL_DIR)}
    worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    yield worker
    worker.terminate()
    worker.wait(120)


def press(live_site: RunningSite, user: User, site: Site, button: str) -> int:
    """Press a button of the board as the browser does, with its session and token; the status of the answer."""
    cookie, token = live_site.cookie(user), "t" * 32
    headers = {
        "Cookie": f"{cookie['name']}={cookie['value']}; csrftoken={token}",
        "X-CSRFToken": token,
        "HX-Request": "true",
        "Origin": live_site.url,
    }
    request = Request(f"{live_site.url}/board/sites/{site.pk}/{button}/", b"", headers)  # noqa: S310  (our own address)
    with urlopen(request, timeout=120) as answer:  # noqa: S310
        return answer.status


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
def test_from_a_file_to_a_message_on_a_socket(history, live_site, tick_worker):
    call_command("import_readings", str(history), verbosity=0)
    assert Site.objects.count() == SITES
    assert Reading.objects.count() == SITES * (DAYS * 48 + 1)
    assert Charger.objects.count() == sum(Site.objects.values_list("ports_total", flat=True))
    assert Operator.objects.filter(is_simulated=True).exists()

    tasks.tick(timezone.now() - timedelta(seconds=20))
    assert Tick.objects.get().scorer == "rule"
    call_command("train_risk", verbosity=0)
    tasks.tick(timezone.now() - timedelta(seconds=10))
    assert Tick.objects.first().scorer == f"model {ModelVersion.objects.active().pk}"

    here = Site.objects.exclude(pricing_type="free").earliest("pk")
    centre = ServiceCentre.objects.create(name="Depot", latitude=here.latitude, longitude=here.longitude)
    technician = Technician.objects.create(code="DEP-1", centre=centre)
    boss = User.objects.create_superuser("boss", password="a long word")

    with live_site.socket(boss) as browser:
        browser.read_until(lambda frame: frame["type"] == "snapshot")
        assert browser.sites[here.pk]["level"] == 0

        begun = time.monotonic()
        assert press(live_site, boss, here, "stress") == 200
        browser.read_until(lambda frame: browser.sites[here.pk]["stressed"], seconds=30)
        assert time.monotonic() - begun < 30
        assert browser.sites[here.pk]["risk"] > 90
        assert browser.sites[here.pk]["level"] == 2
        surge = PriceChange.objects.get(site=here, kind="surge")
        assert surge.new_price == SiteState.objects.get(site=here).price > here.base_price
        assert WorkOrder.objects.get(site=here, charger=None).technician == technician
        told = FleetEvent.objects.filter(site=here).values_list("kind", flat=True)
        assert {"STRESSED", "RISK_RAISED", "SURGE_OPENED", "WORK_ORDER_OPENED"} <= set(told)

        assert press(live_site, boss, here, "heal") == 200
        browser.read_until(lambda frame: not browser.sites[here.pk]["stressed"], seconds=30)
        assert SiteState.objects.get(site=here).price == here.base_price
        assert not WorkOrder.objects.open().filter(site=here).exists()

        version = tasks.tick(timezone.now() + timedelta(seconds=10)).version
        browser.read_version(version)
        with live_site.socket(boss) as latecomer:  # one has gathered changes, the other reads the state whole
            latecomer.read_version(version)
            assert browser.sites == latecomer.sites
            assert browser.panels == latecomer.panels
            assert browser.events.items() ^ latecomer.events.items() == set()


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
def test_the_same_file_again_changes_nothing_that_lives(history):
    call_command("import_readings", str(history), verbosity=0)
    tasks.tick(datetime(2030, 1, 1, tzinfo=UTC))
    before = list(SiteState.objects.order_by("site").values())
    call_command("import_readings", str(history), verbosity=0)
    assert list(SiteState.objects.order_by("site").values()) == before
