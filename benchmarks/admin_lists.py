"""The admin's lists on 13 million rows: SQL time of each kind of page, beside Django's own paginator on the same table.

SNTRY_BENCHMARK_ROWS sets how many rows are filled; all pages are asked as their readers ask them, through the browser's
door, and the time is that of all their queries together.
"""

import os
import time

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings

from stations.models import Charger, FleetEvent, Operator, Site
from telemetry.admin import StatusReportAdmin
from telemetry.models import StatusReport

from .database import fresh_database

ROWS = int(os.environ.get("SNTRY_BENCHMARK_ROWS", 13_000_000))
SITES, PORTS = 150, 5
RUNS = 5
MOST_MS = 60
REPORTS, EVENTS = "/admin/telemetry/statusreport/", "/admin/stations/fleetevent/"
FILL_REPORTS = """
INSERT INTO telemetry_statusreport (charger_id, reported_at, status, error_code, received_at)
SELECT charger.id, timestamptz '2026-11-01' - minute * interval '2 minutes',
    CASE WHEN minute %% 20000 = 19000 THEN 'FAULTED' WHEN minute %% 3 = 0 THEN 'CHARGING' ELSE 'AVAILABLE' END,
    '', now()
FROM generate_series(1, %s) AS minute CROSS JOIN stations_charger charger ORDER BY minute DESC
"""
FILL_EVENTS = """
INSERT INTO stations_fleetevent (at, kind, operator_id, site_id, message)
SELECT timestamptz '2026-11-01' - number * interval '1 second',
    CASE WHEN number %% 100000 = 50 THEN 'STRESSED' ELSE 'SURGE_OPENED' END, site.operator_id, site.id, 'x'
FROM generate_series(1, %s) AS number JOIN stations_site site ON site.id = %s + number %% %s
"""


def main() -> None:
    """Fill, measure, and print both ways side by side."""
    with fresh_database():
        fill()
        client = Client()
        client.force_login(User.objects.create_superuser("chief"))
        print(f"{ROWS:,} status reports and as many events; ms of SQL a page, least of {RUNS} (queries)")
        with override_settings(ALLOWED_HOSTS=["testserver"]):
            measured = {name: sql_ms(client, address) for name, address in ours().items()}
            for name, (ms, queries) in measured.items():
                print(f"  {name:44} {ms:9.1f}  ({queries})")
            naive(client)
        worst = max(ms for ms, _ in measured.values())
        print(f"worst of ours: {worst:.1f} ms of {MOST_MS} ms: {'holds' if worst <= MOST_MS else 'DOES NOT HOLD'}")


def fill() -> None:
    """Sites with chargers, and the rows of both tables."""
    operator = Operator.objects.create(name="Northline")
    sites = Site.objects.bulk_create(
        Site(operator=operator, external_id=f"S{number:05}", name=f"Site {number}") for number in range(SITES)
    )
    Charger.objects.bulk_create(
        Charger(site=site, external_id=f"{site.external_id}-{port}") for site in sites for port in range(PORTS)
    )
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET session_replication_role = replica")  # the rows are right: no key is looked up for each
        for table in ("telemetry_statusreport", "stations_fleetevent"):
            cursor.execute(f"ALTER TABLE {table} SET UNLOGGED")  # reading is what is measured
        cursor.execute(FILL_REPORTS, [ROWS // (SITES * PORTS)])
        cursor.execute(FILL_EVENTS, [ROWS, sites[0].pk, SITES])
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM (ANALYZE) telemetry_statusreport, stations_fleetevent")
    print(f"filled in {time.perf_counter() - started:.0f} s")


def ours() -> dict[str, str]:
    """Pages that people ask for, by what they are called."""
    charger, site = Charger.objects.order_by("pk")[300], Site.objects.order_by("pk")[70]
    middle, place = StatusReport.objects.order_by("-pk")[0].pk // 2, f"{REPORTS}?charger__id__exact={charger.pk}"
    event = FleetEvent.objects.order_by("-pk")[0].pk // 2
    return {
        "reports: first": REPORTS,
        "reports: last": f"{REPORTS}?after=start",
        "reports: in the middle": f"{REPORTS}?before={middle}",
        "reports of a charger: first": place,
        "reports of a charger: last": f"{place}&after=start",
        "reports of a charger: one day": f"{place}&day=2026-10-20",
        "reports of a charger: a rare status": f"{place}&status__exact=FAULTED",
        "reports of a charger: a status nobody had": f"{place}&status__exact=RESERVED",
        "one report": f"{REPORTS}{middle}/change/",
        "events: first": EVENTS,
        "events: last": f"{EVENTS}?after=start",
        "events: in the middle": f"{EVENTS}?before={event}",
        "events: a rare kind": f"{EVENTS}?kind__exact=STRESSED",
        "events: a kind that never was": f"{EVENTS}?kind__exact=HEALED",
        "events: searched": f"{EVENTS}?q={site.external_id}",
        "events: searched in vain": f"{EVENTS}?q=nobody",
        "events of a site: first": f"{EVENTS}?site__id__exact={site.pk}",
        "events of a site: a rare kind": f"{EVENTS}?site__id__exact={site.pk}&kind__exact=STRESSED",
    }


def sql_ms(client, address: str, runs: int = RUNS) -> tuple[float, int]:
    """Least summed time of a page's queries, and how many they are; the first visit does not count.

    The least, because whatever else runs on the machine can only add to it.
    """
    client.get(address)
    taken = []
    for _ in range(runs):
        with CaptureQueriesContext(connection) as captured:
            response = client.get(address)
        assert response.status_code == 200, (address, response.status_code)
        taken.append(1000 * sum(float(query["time"]) for query in captured))
    return min(taken), len(captured)


def naive(client) -> None:
    """The same pages with Django's own list, paginator, search and drill-down by date."""

    class Naive(StatusReportAdmin):
        paginator, show_full_result_count, ordering = Paginator, True, ("-pk",)
        list_filter = ("status", "error_code")
        show_facets = admin.ShowFacets.NEVER
        search_fields = ("charger__external_id", "error_code")
        date_hierarchy = "reported_at"

        def get_list_filter(self, request):
            return self.list_filter

        def get_changelist(self, request, **kwargs):
            return ChangeList

    admin.site.get_model_admin(StatusReport).__class__ = Naive  # the addresses hold the one that is registered
    last = StatusReport.objects.count() // 100
    pages = {"first": "", "in the middle": f"?p={last // 2}", "last": f"?p={last}", "searched": "?q=S00070"}
    pages |= {"a rare status": "?status__exact=FAULTED"}
    pages |= {"one day": "?reported_at__year=2026&reported_at__month=10&reported_at__day=20"}
    for name, query in pages.items():
        ms, queries = sql_ms(client, REPORTS + query, runs=1)
        print(f"  naive: {name:37} {ms:9.1f}  ({queries})")
