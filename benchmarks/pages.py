"""Server time of every own page and every list of the admin at 1,500 sites and 15,000 chargers that have a history.

PAGES_SITES and PAGES_DAYS set how large the network is and how long its history. Pages are asked as a browser would,
by a superuser, who sees most; each so often that its 95th percentile means something. What is answered once and kept
(reliability) is asked when it is kept, as its readers do.
"""

import os
import statistics
import time
from datetime import timedelta

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from maintenance.models import Technician, WorkOrder
from sntry_site import demo_crews, tasks
from sntry_site.generated_history import KINDS
from stations.access import sync_roles
from stations.jobs import enqueue, run
from stations.models import Charger, Job, Site
from telemetry.analyses.questions import QUESTIONS
from telemetry.models import StatusReport

from .database import fresh_database
from .tick import store_forecast

SITES, DAYS = int(os.environ.get("PAGES_SITES", 1_500)), int(os.environ.get("PAGES_DAYS", 7))
TICKS = 12
REQUESTS = 20
MOST_MS = {"page": 150, "list": 700}


def main() -> None:
    """Fill, ask, and print the table; the last line says whether all of it holds."""
    print(f"load average now: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    with fresh_database(), override_settings(ALLOWED_HOSTS=["testserver"]):
        chief = fill()
        client = Client()
        client.force_login(chief)
        measured = [(kind, name, *served(client, address)) for kind, name, address in addresses()]
    table = Table("", "page", "first visit", "p50", "p95", title=f"Server time at {SITES:,} sites")
    late = 0
    for kind, name, first, p50, p95 in sorted(measured, key=lambda row: (row[0], -row[4])):
        late += p95 > MOST_MS[kind]
        mark = " !" if p95 > MOST_MS[kind] else ""
        table.add_row(kind, name, f"{first:,.0f} ms", f"{p50:,.0f} ms", f"{p95:,.0f} ms{mark}")
    Console(width=120).print(table)
    print(f"load average at the end: {os.getloadavg()[0]:.1f}")
    print(f"p95 at most {MOST_MS['page']} ms for pages, {MOST_MS['list']} ms for lists: {late} do not hold")


def fill() -> User:
    """The network, its history, crews, a forecast, a few ticks and answers; the superuser who asks."""
    began = time.perf_counter()
    sync_roles()
    chief = User.objects.create_superuser("chief")
    history = [f"--sites={SITES}", f"--days={DAYS}", f"--with={','.join(KINDS)}", "--load"]
    call_command("generate_history", *history, verbosity=0)
    demo_crews.create_service_centres()
    demo_crews.create_parts()
    demo_crews.set_time_zones()
    store_forecast()
    for number in range(TICKS, 0, -1):
        tasks.tick(timezone.now() - timedelta(seconds=10 * number))
    run(enqueue("prepare_reliability").pk)
    technician = Technician.objects.exclude(work_orders=None).first() or Technician.objects.first()
    Technician.objects.filter(pk=technician.pk).update(user=chief)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    counts = {"sites": Site, "chargers": Charger, "work orders": WorkOrder, "status reports": StatusReport}
    said = ", ".join(f"{model.objects.count():,} {name}" for name, model in counts.items())
    print(f"{said}; filled in {time.perf_counter() - began:,.0f} s", flush=True)
    return chief


def addresses() -> list[tuple[str, str, str]]:
    """Every page as (kind, name, address); those of one row are of the one with most to show."""
    order = WorkOrder.objects.filter(technician__user__isnull=False).first() or WorkOrder.objects.first()
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
        "drive-data", "admin:index", "import", "exports", "world-check", "healed", "policy-lab",
    ]  # fmt: skip
    pages = [("page", name, reverse(name, args=rows.get(name))) for name in [*alone, *rows]]
    past = f"{timezone.now() - timedelta(days=1):%Y-%m-%dT%H:00Z}"
    pages.append(("page", "board-frame", f"{reverse('board-frame')}?at={past}"))
    for one in QUESTIONS:
        pages.append(("page", f"reliability {one.slug}", reverse("reliability-question", args=[one.slug])))
    return pages + [("list", model._meta.label, list_of(model)) for model in admin.site._registry]


def list_of(model) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def served(client: Client, address: str) -> tuple[float, float, float]:
    """Milliseconds of the first visit, and of the 50th and 95th percentile of those after it."""
    taken = []
    for _ in range(REQUESTS + 1):
        began = time.perf_counter()
        answer = client.get(address)
        b"".join(answer.streaming_content) if answer.streaming else answer.content
        taken.append(1000 * (time.perf_counter() - began))
        assert answer.status_code == 200, (address, answer.status_code)
    first, *rest = taken
    return first, statistics.median(rest), sorted(rest)[int(0.95 * len(rest)) - 1]


if __name__ == "__main__":
    main()
