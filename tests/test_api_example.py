"""The example of the documentation is run as it stands against a site that runs; and the page of the contract."""

import os
import subprocess
import sys

import pytest

from maintenance.models import Incident
from stations.models import Operator
from telemetry.models import SiteState, StatusReport

from . import fleet
from .live_server import ROOT


def test_a_partners_day_goes_as_the_example_says(live_site):
    operator = Operator.objects.create(name="Northline")
    here = fleet.site(operator, 1, base_price="0.45")
    for number in (1, 2):
        fleet.charger(here, number)
    SiteState.objects.ensure()
    _, text = fleet.partner(operator)
    environment = {**os.environ, "SNTRY_URL": live_site.url, "SNTRY_KEY": text}
    script = ROOT / "docs" / "examples" / "partner.py"
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "1 sites, 2 chargers\n2 reports taken, 0 refused\n" in done.stdout
    assert "1 prices, such as 0.4500" in done.stdout
    assert StatusReport.objects.count() == 2
    assert Incident.objects.get().source == "partner"
    wrong = subprocess.run(
        [sys.executable, script], env={**environment, "SNTRY_KEY": "x"}, capture_output=True, text=True, timeout=300
    )
    assert wrong.returncode == 1
    assert "401" in wrong.stderr


@pytest.mark.browser
def test_the_contract_is_shown_without_anybody_elses_help(live_site, open_page):
    elsewhere, watched = [], open_page(live_site)
    page = watched.page
    page.on("request", lambda each: each.url.startswith((live_site.url, "data:")) or elsewhere.append(each.url))
    page.goto(f"{live_site.url}/api/docs/")
    page.locator(".opblock-tag").first.click(timeout=120_000)
    page.locator(".opblock-summary-control").first.click(timeout=120_000)
    page.locator(".opblock-body").first.wait_for(timeout=120_000)
    assert watched.errors == elsewhere == []
