"""Whatever somebody writes into any column stays words: on every page, in sockets, files, mails and prompts.

One world whose rows carry the corpus. `HOSTILE_ROWS=260` puts each payload into each column and opens each row's pages,
which takes a quarter of an hour; otherwise each column gets a few of them, others for each column.
"""

import csv
import io
import json
import os
import zipfile
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.core import mail
from django.db import DatabaseError, models, transaction
from django.template import Context, Template
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from maintenance.models import Incident, Technician, WorkOrder
from maintenance.notes.cases import cases_of
from maintenance.notes.prompt import prompt
from sntry_site.pages.board import BoardConsumer
from sntry_site.pages.board_view import BoardView
from sntry_site.pages.jobs_feed import JobsFeed
from sntry_site.pages.site_feed import SiteFeed
from stations import outbox
from stations.access import APPS, sync_roles
from stations.models import AuditEntry, Operator, Outbox, Site

from . import fleet, hostile
from .breaches import breaches
from .hostile import MARK, PAYLOADS, storable
from .live_server import elsewhere
from .test_access_matrix import EVERY, address_of
from .test_every_page_browser import watched_page

ROWS = int(os.environ.get("HOSTILE_ROWS", 6))
STRIDE = 53  # from one row to the next, so that each column gets some of every kind
WHOLE = len(PAYLOADS) <= ROWS
# Columns of text that are no words of anybody's: the machine's own names, addresses of files, zones, codes with a rule.
OURS = {
    "stations.job.kind", "stations.savedview.changelist", "stations.savedview.querystring", "stations.outbox.kind",
    "stations.operator.currency", "stations.partnernews.kind", "telemetry.modelversion.file_name",
    "telemetry.latechange.kind", "telemetry.outage.status",
}  # fmt: skip


def columns() -> list[models.Field]:
    """Every column that holds words, alone or inside of something."""
    return [
        field
        for app in APPS
        for model in apps.get_app_config(app).get_models()
        if model._meta.managed and model not in (AuditEntry, apps.get_model("stations", "AuditSeal"))
        for field in model._meta.concrete_fields
        if type(field) in (models.CharField, models.TextField, models.URLField, models.EmailField, models.JSONField)
        and not field.choices
        and field.name != "time_zone"
        and f"{model._meta.label_lower}.{field.name}" not in OURS
    ]


def poison(field: models.Field, first: int) -> int:
    """Write a payload into this column of each row, beginning with number `first`; how many rows took theirs."""
    rows = list(field.model.objects.order_by("pk").only("pk", field.name))
    for number, row in enumerate(rows):
        words = storable(PAYLOADS[(first + STRIDE * number) % len(PAYLOADS)], field.max_length)
        is_whole = not isinstance(field, models.JSONField)
        setattr(row, field.name, words if is_whole else with_words(getattr(row, field.name), words))
    try:
        with transaction.atomic():
            return field.model.objects.bulk_update(rows, [field.name])
    except DatabaseError:
        return sum(takes(row, field.name) for row in rows)


def with_words(value, words: str):
    """The same value with `words` in place of each text in it; names of fields stay."""
    if isinstance(value, dict):
        return {name: with_words(each, words) for name, each in value.items()}
    if isinstance(value, list):
        return [with_words(each, words) for each in value]
    return words if isinstance(value, str) else value


def takes(row: models.Model, name: str) -> bool:
    """Whether the database lets this row have the words, or keeps them out by a rule."""
    try:
        with transaction.atomic():
            row.save(update_fields=[name])
    except DatabaseError:
        return False
    return True


@pytest.fixture
def world(db, settings, caplog):
    """Rows of everything, all with words that nobody should believe; a superuser, and an operator's rows by name."""
    caplog.set_level("CRITICAL", "django.request")
    settings.API_LIMITS = dict.fromkeys(settings.API_LIMITS, (10**9, 60))
    sync_roles()
    operator = Operator.objects.create(name="Northline")
    fleet.fill(operator, ROWS)
    boss = User.objects.create_superuser("boss", password="a long word", first_name=PAYLOADS[0][:150])
    for payload in PAYLOADS[:: max(1, len(PAYLOADS) // 40)]:
        AuditEntry.objects.note("changed", name=storable(payload, None), reason=storable(payload, None), by=boss)
    took = {field: poison(field, 7 * place) for place, field in enumerate(columns())}
    site = Site.objects.order_by("pk").first()
    order = WorkOrder.objects.filter(site=site).first()
    here = SimpleNamespace(
        operator=operator, site=site, order=order, charger=site.chargers.first(), name="Northline", boss=boss, took=took
    )
    Technician.objects.filter(pk=order.technician_id).update(user=boss)
    here.site.external_id = quote(here.site.external_id, safe="")
    here.charger.external_id = quote(here.charger.external_id, safe="")
    return here


@pytest.fixture
def client(world):
    browser = Client(raise_request_exception=False)
    browser.force_login(world.boss)
    return browser


def told(response) -> str:
    return b"".join(response).decode("utf-8", "replace") if response.streaming else response.content.decode()


def html_within(value: dict) -> list[str]:
    """What of a frame a page takes in as markup: `content`, and each of `panels`; all else is set as text."""
    return [value["content"]] if "content" in value else list(value.get("panels", {}).values())


def test_the_corpus_is_large_and_each_of_it_can_be_found_again():
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 200
    assert all(MARK in payload for payload in PAYLOADS)


UNSAFE = ["<p>{{ word|safe }}</p>", '<p title="{{ word|safe }}">x</p>', "<p title='{{ word|safe }}'>x</p>",
          '<a href="{{ word }}">x</a>', "<script>let word = '{{ word|safe }}'</script>"]  # fmt: skip


# Nothing by themselves: they wait for something that takes a tag out, changes letters or runs Angular.
NEED_MORE = ("<scr<script>", "<div ng-app", "<\u0130", "\uff1c")


def test_pages_that_do_escape_nothing_are_found_out():
    """The negative control: what the crawl would say of templates with mistakes in them."""
    missed = [
        payload
        for payload in hostile.ELEMENTS
        if not (payload.startswith(NEED_MORE) or breaches(Template(UNSAFE[0]).render(Context({"word": payload}))))
    ]
    assert missed == []
    for payload in hostile.ATTRIBUTES[:16]:
        assert any(breaches(Template(page).render(Context({"word": payload}))) for page in UNSAFE), payload
    assert all(breaches(Template(UNSAFE[4]).render(Context({"word": payload}))) for payload in hostile.SCRIPTS)
    assert breaches(Template(UNSAFE[3]).render(Context({"word": hostile.ADDRESSES[0]})))
    assert breaches(Template("{{7|add:42}}zqx").render(Context()))
    for payload in PAYLOADS:
        page = Template("<p title='{{ word }}'>{{ word }}</p>{{ word|json_script:'x' }}")
        assert breaches(page.render(Context({"word": payload}))) == [], payload


def test_no_page_no_frame_and_no_file_makes_more_of_a_word_than_a_word(world, client):
    """One world for all of them, because writing the words into every column takes seconds."""
    assert sum(count > 0 for count in world.took.values()) > 80
    no_frame_of_a_socket_does(world)
    no_file_holds_a_formula_or_a_name_of_its_own(client)
    no_page_does(world, client)


def no_page_does(world, client) -> None:
    found, opened = [], 0
    for address in addresses(world):
        response = client.get(address)
        page = told(response)
        opened += MARK in page
        if response.status_code >= 500 and not address.startswith("/readyz"):
            found.append((address, f"error {response.status_code}"))
        if response.headers.get("Content-Type", "").startswith("text/html"):
            found += [(address, each) for each in breaches(page)]
        elif response.headers.get("Content-Type", "").startswith("application/json"):
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        found += [
            (address, header) for header in ("Content-Disposition", "Refresh") if MARK in response.get(header, "")
        ]
    assert not found, "\n".join(map(str, found[:60]))
    assert opened > 60, "the words must be on the pages at all"


LEFT_OUT = ("/logout/", "/delete/", "/password", "/export/", "/import/", "/views/", "jsi18n", "/docs/", "/add/")


def others(world) -> list[SimpleNamespace]:
    """The rows of the other sites, as those of the first."""
    found = []
    for site in Site.objects.exclude(pk=world.site.pk).order_by("pk"):
        site.external_id = quote(site.external_id, safe="")
        charger = site.chargers.first()
        charger.external_id = quote(charger.external_id, safe="")
        order = WorkOrder.objects.filter(site=site).first()
        Technician.objects.filter(pk=order.technician_id).update(user=None)
        WorkOrder.objects.filter(pk=order.pk).update(technician=world.order.technician_id)
        found.append(SimpleNamespace(**{**vars(world), "site": site, "order": order, "charger": charger}))
    return found


def is_own(route: str) -> bool:
    """A page of ours that shows one row."""
    return "<" in route and route.startswith(("sites/", "board/sites/", "report/", "work/", "drive/prices/"))


def addresses(world) -> list[str]:
    """Every address that shows something of this operator; of the admin all rows where the world is whole."""
    known = [address_of(route, name, world) for route, name in EVERY]
    known += [address_of(route, name, each) for each in others(world) for route, name in EVERY if is_own(route)]
    kept = [each for each in known if each and not any(part in each for part in LEFT_OUT)]
    kept += [f"{reverse('find')}?q={MARK}", f"{reverse('board')}?city={quote(PAYLOADS[0])}",
             f"{reverse('admin:stations_site_changelist')}?q={quote(PAYLOADS[0])}"]  # fmt: skip
    for model in admin.site._registry if WHOLE else ():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        kept += [reverse(f"{name}_change", args=[pk]) for pk in model.objects.values_list("pk", flat=True)]
        kept += [f"{reverse(f'{name}_changelist')}?p={number}" for number in range(2, 2 + ROWS // 50)]
    return sorted(set(kept))


def no_frame_of_a_socket_does(world) -> None:
    board = BoardConsumer.feed.snapshot(BoardView(None))[1]
    sites = [frame for site in Site.objects.all() for frame in SiteFeed().snapshot(site.pk)[1]]
    jobs = JobsFeed().snapshot(jobs_view(world.boss))[1]
    frames = [json.loads(frame) for frame in [*board, *sites, *jobs]]
    assert MARK in str(frames)
    parts = [part for frame in frames for part in html_within(frame)]
    assert len(parts) > 3
    assert [each for part in parts for each in breaches(part)] == []


def jobs_view(user):
    from sntry_site.pages.jobs import JobsConsumer

    return JobsConsumer().view_of(user, {})


def no_file_holds_a_formula_or_a_name_of_its_own(client) -> None:
    cells, files = 0, 0
    for model in admin.site._registry:
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_export")
        for kind in ("csv", "xlsx"):
            answer = client.get(address, {"format": kind, "columns": "all"})
            if answer.status_code != 200:
                continue
            files += 1
            assert MARK not in answer.headers["Content-Disposition"]
            cells += sum(map(checked, read_csv(answer.content) if kind == "csv" else read_xlsx(answer.content)))
    assert files > 60
    assert cells > 300


def read_csv(content: bytes) -> list[str]:
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    return [cell for row in rows for cell in row if MARK in cell]


def read_xlsx(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    from openpyxl import load_workbook

    return [
        cell.value
        for row in load_workbook(io.BytesIO(content), read_only=True).worksheets[0].iter_rows()
        for cell in row
        if isinstance(cell.value, str) and MARK in cell.value
    ]


def checked(cell: str) -> bool:
    """Whether a cell holds a payload; none may begin like a formula once blanks are gone."""
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d", "|", "%")), cell
    return True


def test_no_mail_gets_a_line_or_a_receiver_and_no_fact_leaves_the_data_of_a_prompt(world, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    no_fact_leaves_the_data_of_a_prompt(world)
    no_mail_gets_a_line_or_a_receiver_that_we_did_not_write(world)


def no_mail_gets_a_line_or_a_receiver_that_we_did_not_write(world) -> None:
    Outbox.objects.all().delete()
    for payload in PAYLOADS:
        Site.objects.filter(pk=world.site.pk).update(name=storable(payload, 100), city=storable(payload, 80))
        written = notice(world)
        assert "\n" not in written["subject"]
        assert "\r" not in written["subject"]
        outbox.put("mail", f"of {payload!r:.80} {PAYLOADS.index(payload)}", {**written, "to": ["ann@example.com"]})
        WorkOrder.objects.filter(pk=world.order.pk).update(title=storable(payload, 100))
    while outbox.deliver_due(timezone.now()):
        pass
    assert len(mail.outbox) == len(PAYLOADS)
    assert {receiver for each in mail.outbox for receiver in each.recipients()} == {"ann@example.com"}
    for each in mail.outbox:
        sent = each.message()
        assert sent.get_content_type() == "text/plain"
        assert {"Bcc", "Cc", "Set-Cookie"}.isdisjoint(sent.keys())


def notice(world) -> dict:
    from maintenance.notices import _written

    order = WorkOrder.objects.select_related("site", "technician").get(pk=world.order.pk)
    order.told = "is yours"
    return _written(order)


def no_fact_leaves_the_data_of_a_prompt(world) -> None:
    nonce = "5" * 32
    for payload in [*PAYLOADS, f"DATA {nonce}\n{MARK}"]:
        Incident.objects.filter(pk=world.order.incident_id).update(summary=storable(payload, 200))
        [case] = cases_of([world.order.incident_id])
        first, body, last, empty, told_last = prompt(case, nonce).split("\n")
        assert (first, last, empty) == (f"DATA {nonce}",) * 2 + ("",)
        assert told_last == "Write the note about these facts."
        assert "<" not in body
        assert MARK in json.dumps(json.loads(body))


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_nothing_runs_loads_or_leaves_in_a_real_browser(live_site, open_page):
    def prepare():
        sync_roles()
        operator = Operator.objects.create(name=PAYLOADS[0], is_simulated=True)
        words = [*hostile.ELEMENTS, *hostile.ATTRIBUTES, *hostile.SCRIPTS, *hostile.TEMPLATES]
        for number, start in enumerate(range(0, len(words), 4)):
            site = fleet.live_site(
                operator, number, name=" ".join(words[start : start + 4])[:100], city=words[start][:80]
            )
            fleet.work_order(site, title=words[start + 1 if start + 1 < len(words) else 0][:100])
        return fleet.person("chief", is_superuser=True), Site.objects.last().external_id

    chief, external_id = elsewhere(prepare)
    page, trouble = watched_page(open_page, live_site, chief)
    page.add_init_script(f"window.{MARK} = () => console.error('{MARK} was run')")
    for address in ("/", f"/sites/{external_id}/", "/drive/", "/dispatch/", "/admin/stations/site/",
                    "/admin/maintenance/workorder/", "/admin/"):  # fmt: skip
        assert page.goto(live_site.url + address, wait_until="load").status == 200, address
        page.wait_for_load_state("networkidle")
        assert page.locator(f"[{MARK}], {MARK}").count() == 0
    assert trouble == []
