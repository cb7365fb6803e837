"""Every page of ours and every list of the admin in a real Chromium, with names that would like to be markup.

Nothing on the console, nothing that the content policy had to stop, nothing asked from elsewhere, no name run, no
page wider than its window, nothing that jumps or that keys reach in another order than eyes, and nothing that axe finds
wrong. A page that is new fails here until it is listed.
"""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.contrib import admin
from django.test import RequestFactory
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from maintenance.models import Technician, WorkOrder
from stations.access import sync_roles
from stations.models import Charger, Job, Operator, Site
from telemetry.analyses.questions import QUESTIONS
from telemetry.models import ChargerState, SiteState

from . import fleet
from .live_server import elsewhere
from .page_checks import WATCH_SHIFTS, faults, shifts

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOSTILE = ["<img src=x onerror=alert(1)>", "{{7*7}}", 'x-data="alert(1)"', "');alert(1)//", '" x-init="alert(1)']
PARTS_AND_FILES = {  # answers that are no page of their own: parts, data, buttons, machines
    "board-events", "board-frame", "board-route", "site-actions", "site-stress", "site-heal", "site-dispatch",
    "dispatch-send", "work-route-data", "work-status", "work-step", "work-draft", "work-item", "work-part",
    "work-add-part", "work-photos", "work-photo", "work-photo-remove", "work-charger-code", "logout", "assistant-ask",
    "assistant-words", "find", "healthz", "readyz", "metrics", "dispatch-duplicates", "api-schema", "jobs-ended",
    "job-cancel", "job-file", "drive-data", "drive-map", "drive-route", "drive-prices",
    "policy-reports",
}  # fmt: skip
AXE = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
    (found) => found.id + ": " + found.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" ; "))"""
WATCH = """document.addEventListener("securitypolicyviolation",
    (event) => console.error("policy: " + event.violatedDirective + " " + event.blockedURI))"""


def own_pages() -> dict[str, str]:
    """The address of every page of ours by name, of rows that exist."""
    site, charger, order = Site.objects.first(), Charger.objects.first(), WorkOrder.objects.first()
    site = Site.objects.get(pk=order.site_id)
    wanted = {
        "board": [], "site": [site.external_id], "report": [site.external_id], "dispatch": [], "dispatch-proposal": [],
        "maintenance-calendar": [], "dispatch-kpis": [], "work-day": [], "work-route": [], "work-order": [order.pk],
        "work-charger": [charger.external_id], "reliability": [], "reliability-report": [site.operator_id],
        "login": [], "assistant": [], "api-docs": [], "jobs": [], "drive": [], "job": [Job.objects.first().pk],
        "second-factor": [],
    }  # fmt: skip
    pages = {name: reverse(name, args=arguments) for name, arguments in wanted.items()}
    questions = {f"reliability {one.slug}": reverse("reliability-question", args=[one.slug]) for one in QUESTIONS}
    return pages | questions


def named_patterns(patterns) -> set[str]:
    """Names of all addresses outside of the admin and the API."""
    names = set()
    for one in patterns:
        if str(one.pattern).startswith("admin/"):
            continue
        if isinstance(one, URLPattern):
            names.add(one.name)
        elif not str(one.pattern).startswith(("api/", "ocpi/")):
            names |= named_patterns(one.url_patterns)
    return names


@pytest.fixture
def hostile_fleet():
    """A few rows of everything; superuser `chief` is also the technician of one order."""
    sync_roles()
    operator = Operator.objects.create(name=HOSTILE[0], is_simulated=True)
    fleet.fill(operator, len(HOSTILE))
    for name, site in zip(HOSTILE, Site.objects.all(), strict=True):
        Site.objects.filter(pk=site.pk).update(name=name, city=name, access_notes=name, safety_notes=name)
    SiteState.objects.update(reason=HOSTILE[0])
    ChargerState.objects.update(error_code=HOSTILE[0])
    WorkOrder.objects.update(title=HOSTILE[0], due_at=timezone.now())
    chief = fleet.person("chief", is_superuser=True)
    order = WorkOrder.objects.first()
    Technician.objects.filter(pk=order.technician_id).update(user=chief)
    return chief


def test_every_address_is_a_page_that_is_looked_at_or_said_to_be_none(hostile_fleet):
    pages = {name.partition(" ")[0] for name in own_pages()} | {"reliability-question"}
    assert named_patterns(get_resolver().url_patterns) == pages | PARTS_AND_FILES


def watched_page(open_page, site, user, **window):
    """A page and the list of all that goes wrong on it, with the address."""
    watched = open_page(site, user, **window)
    page, trouble = watched.page, []
    page.add_init_script(WATCH)
    page.on("console", lambda line: line.type in ("error", "warning") and trouble.append((page.url, line.text)))
    page.on("pageerror", lambda error: trouble.append((page.url, str(error))))
    page.on("dialog", lambda dialog: (trouble.append((page.url, "a name was run")), dialog.dismiss()))
    page.on("request", lambda one: is_foreign(site, one.url) and trouble.append((page.url, one.url)))
    return page, trouble


def is_foreign(site, url: str) -> bool:
    return not url.startswith((site.url, site.url.replace("http", "ws"), "data:", "blob:"))


# On a wide screen pages are looked at once more when their window has become smaller, because that needs no new page.
@pytest.mark.parametrize(("width", "dark", "smaller"), [(1440, False, 1024), (360, True, None)])
def test_no_page_of_ours_complains_jumps_shuts_anyone_out_or_is_too_wide(
    live_site, hostile_fleet, open_page, width, dark, smaller
):
    page, trouble = watched_page(open_page, live_site, hostile_fleet, width=width, dark=dark)
    page.add_init_script(WATCH_SHIFTS)
    for name, address in elsewhere(own_pages).items():
        page.set_viewport_size({"width": width, "height": 900})
        assert page.goto(live_site.url + address, wait_until="load").status == 200, name
        page.locator("main").wait_for()  # where a script draws it, as at the API's contract
        page.wait_for_timeout(100)
        page.evaluate(AXE_SCRIPT)
        found = faults(page) + looked_at(page, width)
        if smaller:
            page.set_viewport_size({"width": smaller, "height": 900})
            found += looked_at(page, smaller)
        trouble += [(name, fault) for fault in found]
    assert trouble == []


def looked_at(page, width: int) -> list[str]:
    """What axe finds at this width, and whether the page is wider."""
    is_wider = page.evaluate("document.documentElement.scrollWidth") > width
    return [f"at {width} px: {found}" for found in page.evaluate(AXE)] + [f"is wider than {width} px"] * is_wider


def test_no_list_and_no_form_of_the_admin_complains_or_jumps(live_site, hostile_fleet, open_page):
    page, trouble = watched_page(open_page, live_site, hostile_fleet)
    page.add_init_script(WATCH_SHIFTS)
    lists = [admin_page(model, "changelist") for model in admin.site._registry]
    ours = [reverse(name) for name in ("admin:index", "import", "exports", "world-check", "healed", "policy-lab")]
    for address in [*ours, *lists, *elsewhere(first_rows), *elsewhere(new_rows, hostile_fleet)]:
        answer = page.goto(live_site.url + address, wait_until="load")
        assert answer.status == 200, address
        if "/admin/" in page.url:  # a job's row leads to the page of jobs
            page.wait_for_function("window.Alpine !== undefined")
        trouble += [(address, fault) for fault in shifts(page)]
    assert trouble == []


def admin_page(model, page: str, *arguments) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def first_rows() -> list[str]:
    """The form of one row of each model that has one."""
    rows = [model.objects.order_by("pk").first() for model in admin.site._registry]
    return [admin_page(row, "change", row.pk) for row in rows if row]


def new_rows(user) -> list[str]:
    """The empty form of each model of which people make rows."""
    request = RequestFactory().get("/")
    request.user = user
    allowed = [model for model, own in admin.site._registry.items() if own.has_add_permission(request)]
    return [admin_page(model, "add") for model in allowed]


def test_keys_find_go_and_explain_themselves(live_site, hostile_fleet, open_page):
    page, trouble = watched_page(open_page, live_site, hostile_fleet)
    page.goto(live_site.url + reverse("reliability"), wait_until="load")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("onerror")
    page.locator("#palette-found [role=option]", has_text="<img").first.wait_for()
    page.keyboard.press("ArrowDown")
    chosen = page.locator("#palette-found [aria-selected=true] a").get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{chosen}")
    page.goto(live_site.url + reverse("reliability"), wait_until="load")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url(f"**{reverse('dispatch')}")
    assert trouble == []
