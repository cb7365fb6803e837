"""The admin in a real browser: nothing on the console, nothing from elsewhere, and hostile names stay text."""

import shutil

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import sync_playwright

from maintenance.models import WorkOrder
from stations.models import Job, Operator, Site
from telemetry.models import ChargerState, SiteState

from . import fleet

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on this machine"),
]
HOSTILE = ["<img src=x onerror=alert(1)>", "{{7*7}}", 'x-data="alert(1)"', "');alert(1)//", '" x-init="alert(1)']
PAGES = ["index", "stations_site_changelist", "stations_charger_changelist", "stations_operator_changelist"]
PAGES += ["maintenance_workorder_changelist", "maintenance_incident_changelist", "telemetry_reading_changelist"]
PAGES += ["telemetry_outage_changelist", "stations_fleetevent_changelist", "stations_job_changelist"]


@pytest.fixture
def addresses(client):
    """Pages of a fleet whose every name is hostile, and the session of a superuser."""
    operator = Operator.objects.create(name=HOSTILE[0])
    fleet.fill(operator, len(HOSTILE))
    for name, site in zip(HOSTILE, Site.objects.all(), strict=True):
        Site.objects.filter(pk=site.pk).update(name=name, city=name)
    SiteState.objects.update(reason=HOSTILE[0])
    ChargerState.objects.update(error_code=HOSTILE[0])
    WorkOrder.objects.update(title=HOSTILE[2])
    Job.objects.create(kind="import_status", message=HOSTILE[0], parameters={"file_name": HOSTILE[4]})
    client.force_login(fleet.person("chief", is_superuser=True))
    pages = [reverse(f"admin:{name}") for name in PAGES] + [reverse("import")]
    pages += [reverse("admin:stations_site_change", args=[site.pk]) for site in Site.objects.all()]
    pages += [reverse("admin:maintenance_workorder_change", args=[WorkOrder.objects.first().pk])]
    assert Session.objects.count() == 1
    return pages, client.cookies["sessionid"].value


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_complains_runs_a_name_or_asks_elsewhere(scheme, addresses, live_server):
    pages, session = addresses
    trouble = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(color_scheme=scheme)
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.on("console", lambda line: trouble.append((page.url, line.text)) if line.type == "error" else None)
        page.on("pageerror", lambda error: trouble.append((page.url, str(error))))
        page.on("dialog", lambda dialog: (trouble.append((page.url, "a name was run")), dialog.dismiss()))
        page.on("request", lambda request: trouble.append((page.url, request.url)) if elsewhere(request) else None)
        for address in pages:
            page.goto(live_server.url + address, wait_until="load")
            page.wait_for_function("window.Alpine !== undefined")
            assert page.url.endswith(address)
        browser.close()

    assert trouble == []


def elsewhere(request) -> bool:
    return not request.url.startswith(("http://localhost", "http://127.0.0.1", "data:"))
