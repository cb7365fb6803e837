"""Server time of every own page and every list of the admin at 1,500 sites and 15,000 chargers that have a history.

PAGES_SITES and PAGES_DAYS set how large the network is and how long its history. Pages are asked as a browser would,
by a superuser, who sees most; each so often that its 95th percentile means something. What is answered once and kept
(reliability) is asked when it is kept, as its readers do.
"""

import importlib
import os
import statistics
import time
from datetime import timedelta

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from maintenance.models import Incident, Technician, WorkOrder
from pricing.models import PriceChange, SurgePolicy
from sntry_site import demo_crews, interventions, tasks
from stations.access import sync_roles
from stations.jobs import enqueue, run
from stations.models import Charger, Job, Site
from telemetry.analyses.questions import QUESTIONS
from telemetry.models import Reading, StatusReport

from . import tick
from .database import fresh_database

SITES, DAYS = int(os.environ.get("PAGES_SITES", 1_500)), int(os.environ.get("PAGES_DAYS", 14))
TICKS = 12
REQUESTS = 20
MOST_MS = {"page": 150, "list": 700}
# Ten ports a site, what is usual in every hour, and per day: 8 reports and 6 sessions of each charger, 48 readings and
# 8 risks of each site; an outage every five days.
PAST = (
    """INSERT INTO stations_charger (site_id, external_id, cabinet_id, cabinet_port, connector_type, model, power_kw)
    SELECT site, external_id || '-' || port, external_id || '-C' || port, 1, '', '', 150
    FROM (SELECT id AS site, external_id FROM stations_site) sites, generate_series(9, 10) port""",
    """INSERT INTO telemetry_chargerstate (charger_id, status, error_code)
    SELECT id, 'AVAILABLE', '' FROM stations_charger ON CONFLICT DO NOTHING""",
    """INSERT INTO telemetry_climatology (month, hour, site_id, utilization, temperature_f, precipitation_mm, weather,
        gas_price, traffic_index)
    SELECT a_month, an_hour, site_id, utilization, temperature_f, precipitation_mm, weather, gas_price, traffic_index
    FROM telemetry_climatology, generate_series(1, 12) a_month, generate_series(0, 23) an_hour
    WHERE (a_month, an_hour) <> (7, 12)""",
    """INSERT INTO telemetry_statusreport (charger_id, reported_at, status, error_code, received_at)
    SELECT id, now() - number * interval '3 hours' - id %% 90 * interval '1 minute',
        CASE WHEN number %% 40 = 0 THEN 'FAULTED' WHEN number %% 3 = 0 THEN 'CHARGING' ELSE 'AVAILABLE' END, '', now()
    FROM generate_series(8 * %(days)s, 1, -1) number CROSS JOIN stations_charger""",
    """INSERT INTO telemetry_outage (charger_id, started_at, ended_at, left_censored, status, error_code,
        excluded_reason, excluded_evidence)
    SELECT id, now() - number * interval '5 days' - id %% 7000 * interval '1 minute',
        now() - number * interval '5 days' - (id %% 7000 - id %% 400 - 2) * interval '1 minute', false, 'FAULTED',
        '', '', ''
    FROM generate_series(%(days)s / 5 + 1, 1, -1) number CROSS JOIN stations_charger""",
    """INSERT INTO telemetry_chargingsession (charger_id, started_at, ended_at, energy_kwh, success, price)
    SELECT id, now() - number * interval '4 hours' - id %% 90 * interval '1 minute',
        now() - number * interval '4 hours' - (id %% 90 - 40) * interval '1 minute', 30, number %% 20 > 0, 0.4
    FROM generate_series(6 * %(days)s, 1, -1) number CROSS JOIN stations_charger""",
    """INSERT INTO telemetry_reading (site_id, at, ports_total, ports_available, ports_occupied, ports_out_of_service,
        utilization, status, wait_minutes, session_minutes, price, temperature_f, precipitation_mm, weather, gas_price,
        traffic_index, local_event, from_ticks)
    SELECT id, date_trunc('hour', now()) - number * interval '30 minutes', 10, 6, 4, 0, 0.4, 0, 0, 35, 0.4, 70, 0, 0,
        3.5, 3, 0, false
    FROM generate_series(48 * %(days)s, 1, -1) number CROSS JOIN stations_site""",
    """INSERT INTO telemetry_softevents (charger_id, at, missed_heartbeats, soft_trips, power_dips, reboots, retries)
    SELECT id, date_trunc('hour', now()) - number * interval '1 day', 1, 0, 0, 0, 1
    FROM generate_series(%(days)s, 1, -1) number CROSS JOIN stations_charger""",
    """INSERT INTO telemetry_risk (site_id, at, probability, level, reason)
    SELECT id, now() - number * interval '3 hours', 0.5, 'watch', 'busy'
    FROM generate_series(8 * %(days)s, 1, -1) number CROSS JOIN stations_site""",
    """INSERT INTO stations_fleetevent (at, kind, operator_id, site_id, message)
    SELECT now() - number * interval '3 hours', 'SURGE_OPENED', operator_id, id, 'x'
    FROM generate_series(8 * %(days)s, 1, -1) number CROSS JOIN stations_site""",
)


def main() -> None:
    """Fill, ask, and print the table; the last line says whether all of it holds."""
    print(f"load average now: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    with fresh_database(), override_settings(ALLOWED_HOSTS=["testserver"]):
        chief = fill()
        importlib.import_module("sntry_site.asgi")  # as the server does, which leaves out what stays from its garbage
        client = Client()
        client.force_login(chief)
        measured = [(kind, name, *served(client, address)) for kind, name, address in addresses()]
    table = Table(
        "", "page", "first visit", "p50", "p95", "processor of these", title=f"Server time at {SITES:,} sites"
    )
    late = 0
    for kind, name, first, p50, p95, processor in sorted(measured, key=lambda row: (row[0], -row[4])):
        late += p95 > MOST_MS[kind]
        mark = " !" if p95 > MOST_MS[kind] else ""
        table.add_row(kind, name, f"{first:,.0f} ms", f"{p50:,.0f} ms", f"{p95:,.0f} ms{mark}", f"{processor:,.0f} ms")
    Console(width=120).print(table)
    print(f"load average at the end: {os.getloadavg()[0]:.1f}")
    print(f"p95 at most {MOST_MS['page']} ms for pages, {MOST_MS['list']} ms for lists: {late} do not hold")


def fill() -> User:
    """The network, its past, crews, a forecast, a few ticks and answers; the superuser who asks."""
    began = time.perf_counter()
    sync_roles()
    chief = User.objects.create_superuser("chief")
    tick.fill(SITES)
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET session_replication_role = replica")  # the rows are right: no key is looked up for each
        for statement in PAST:
            cursor.execute(statement, {"days": DAYS, "sites": SITES})
        cursor.execute("SET session_replication_role = DEFAULT")
    demo_crews.create_service_centres()
    demo_crews.create_parts()
    SurgePolicy.objects.ensure_shipped()
    write_orders_and_prices()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    tick.store_forecast()
    for number in range(TICKS, 0, -1):
        tasks.tick(timezone.now() - timedelta(seconds=10 * number))
    run(enqueue("prepare_reliability").pk)
    order = interventions.dispatch_site(Site.objects.first(), chief, timezone.now())
    technician = Technician.objects.get(user=None, code="LAX-1")
    WorkOrder.objects.filter(pk=order.pk).update(technician=technician, state="assigned")
    Technician.objects.filter(pk=technician.pk).update(user=chief)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    counts = {"sites": Site, "chargers": Charger, "orders": WorkOrder, "reports": StatusReport, "readings": Reading}
    said = ", ".join(f"{model.objects.count():,} {name}" for name, model in counts.items())
    print(f"{said}; filled in {time.perf_counter() - began:,.0f} s", flush=True)
    return chief


def write_orders_and_prices() -> None:
    """Ten closed orders and ten surges of each site, a day and a half apart."""
    now, people = timezone.now(), list(Technician.objects.values_list("pk", flat=True))
    policy = SurgePolicy.objects.get(name="original", operator=None)
    times = [now - timedelta(hours=36 * (number + 1)) for number in range(10)]
    spells = [(site, at, at + timedelta(hours=5)) for site in Site.objects.values_list("pk", flat=True) for at in times]
    incidents = Incident.objects.bulk_create(
        Incident(site_id=site, source="status", summary="Reports faulted", opened_at=begins, closed_at=ends)
        for site, begins, ends in spells
    )
    report = {"action": "part_swapped", "found_cause": "meter_fault", "minutes_travel": 30, "minutes_work": 60}
    WorkOrder.objects.bulk_create(
        WorkOrder(
            incident=one, site_id=one.site_id, state="closed", title="Reports faulted", opened_at=one.opened_at,
            changed_at=one.closed_at, closed_at=one.closed_at, technician_id=people[one.site_id % len(people)],
            **report,
        )
        for one in incidents
    )  # fmt: skip
    surge = {"kind": "surge", "old_price": "0.4", "new_price": "0.7", "applied": False, "ended_because": "calm again"}
    PriceChange.objects.bulk_create(
        PriceChange(
            site_id=site, announced_at=begins, starts_at=begins, ends_at=ends, reason="hot", policy=policy, **surge
        )
        for site, begins, ends in spells
    )


def addresses() -> list[tuple[str, str, str]]:
    """Every page as (kind, name, address); those of one row are of the one with most to show."""
    order = WorkOrder.objects.filter(technician__user__isnull=False, closed_at=None).latest("opened_at")
    site, charger, job = order.site, order.charger or order.site.chargers.first(), Job.objects.latest("pk")
    rows = {
        "site": [site.external_id], "work-order": [order.pk], "work-charger": [charger.external_id], "job": [job.pk],
        "reliability-report": [site.operator_id], "report": [site.external_id],
        "admin:stations_site_change": [site.pk], "admin:stations_charger_change": [charger.pk],
        "admin:maintenance_workorder_change": [order.pk],
        "admin:maintenance_incident_change": [order.incident_id],
    }  # fmt: skip
    alone = [
        "board", "board-events", "board-route", "dispatch", "dispatch-proposal", "maintenance-calendar",
        "dispatch-kpis", "work-day", "work-route", "reliability", "assistant", "api-docs", "jobs", "drive",
        "drive-map", "admin:index", "import", "exports", "world-check", "healed", "policy-lab",
    ]  # fmt: skip
    pages = [("page", name, reverse(name, args=rows.get(name))) for name in [*alone, *rows]]
    past = f"{timezone.now() - timedelta(days=1):%Y-%m-%dT%H:00Z}"
    pages.append(("page", "board-frame", f"{reverse('board-frame')}?at={past}"))
    for one in QUESTIONS:
        pages.append(("page", f"reliability {one.slug}", reverse("reliability-question", args=[one.slug])))
    return pages + [("list", model._meta.label, list_of(model)) for model in admin.site._registry]


def list_of(model) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def served(client: Client, address: str) -> tuple[float, float, float, float]:
    """Milliseconds: the first visit, the 50th and 95th percentile of those after it, and the least of our processor.

    The last is without PostgreSQL; it tells a slow page from a busy machine.
    """
    taken, processor = [], []
    for _ in range(REQUESTS + 1):
        began, spent = time.perf_counter(), time.process_time()
        answer = client.get(address)
        b"".join(answer.streaming_content) if answer.streaming else answer.content
        taken.append(1000 * (time.perf_counter() - began))
        processor.append(1000 * (time.process_time() - spent))
        assert answer.status_code == 200, (address, answer.status_code)
    first, *rest = taken
    return first, statistics.median(rest), sorted(rest)[int(0.95 * len(rest)) - 1], min(processor)


if __name__ == "__main__":
    main()
