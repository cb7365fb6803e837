"""Root causes in the database: learnt from closed orders, told at ticks, shown with what a visit takes."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.urls import reverse

from maintenance.models import Incident, WorkOrder
from maintenance.models.work_orders import Wanted
from sntry_site import tasks
from stations.access import sync_roles
from stations.models import Operator
from telemetry import live_causes, live_history, model_registry
from telemetry.cause_training import DIAGNOSED, Found, labels_of, train_causes
from telemetry.models import CauseGroup, Diagnosis, ModelVersion, Outage, SoftEvents, StatusReport
from telemetry.risk.charger_features import CHARGER_FEATURES
from telemetry.scoring import NothingToLearn

from . import fleet

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
CAUSES = ("firmware_hang", "payment_auth")  # what follows reboots, and what follows retries
DAYS, CHARGERS = 66, 24


@pytest.fixture
def operator(db, settings, tmp_path):
    settings.MODEL_DIR, settings.TICK_SURGE_CHANCE = tmp_path, 0.0
    model_registry.forget()
    live_history.ensure_partition(NOW.date())
    sync_roles()
    return Operator.objects.create(name="Northline Charging", is_simulated=True)


@pytest.fixture
def site(operator):
    return fleet.live_site(operator, 1, ports_total=CHARGERS)


@pytest.fixture
def history(site):
    """Two months in which each charger failed every third day, with a code that says nothing, and was visited."""
    ids = np.array(site.chargers.order_by("pk").values_list("pk", flat=True))
    rng = np.random.default_rng(1)
    for day in range(DAYS, 1, -1):
        rows = ids[np.arange(CHARGERS) % 3 == day % 3]
        which = rng.integers(0, 2, len(rows))
        starts = [NOW - timedelta(days=day, minutes=int(minutes)) for minutes in rng.integers(0, 600, len(rows))]
        ends = [start + timedelta(hours=5) for start in starts]
        fail_and_return(rows, starts, ends)
        before = [start.replace(minute=0, second=0) - timedelta(hours=2) for start in starts]
        counts = np.zeros((5, len(rows)), int)
        counts[3], counts[4] = 3 * (which == 0), 3 * (which == 1)
        SoftEvents.objects.record(rows, np.array([at.replace(tzinfo=None) for at in before], "M8[us]"), counts)
        visit(site, rows, starts, ends, which)
    for hours in range(0, 24 * DAYS, 6):
        fleet.reading(site, at=NOW - timedelta(hours=hours))
    return ids


def fail_and_return(rows, starts, ends) -> None:
    size = len(rows)
    StatusReport.objects.record(rows, starts, ["FAULTED"] * size, error_codes=["InternalError"] * size)
    StatusReport.objects.record(rows, ends, ["AVAILABLE"] * size)


def visit(site, rows, starts, ends, which) -> None:
    for charger, start, end, cause in zip(rows.tolist(), starts, ends, which, strict=True):
        place = {"site": site, "charger_id": charger, "opened_at": start + timedelta(minutes=5), "closed_at": end}
        incident = Incident.objects.create(source="status", summary="out of order", **place)
        about = {"state": "closed", "changed_at": end, "title": "out of order", "found_cause": CAUSES[cause]}
        WorkOrder.objects.create(incident=incident, **place, **about)


def learn() -> ModelVersion:
    version, _ = train_causes(NOW, Found(*WorkOrder.objects.found_causes()))
    return version


def now_of(ids, site, reboots: float, retries: float) -> live_causes.Now:
    features = np.zeros((len(ids), len(CHARGER_FEATURES)), "f4")
    for hours in (6, 24, 168):
        features[:, CHARGER_FEATURES.index(f"reboots_{hours}h")] = reboots
        features[:, CHARGER_FEATURES.index(f"retries_{hours}h")] = retries
    return live_causes.Now(ids, np.full(len(ids), site.pk), features)


def test_what_technicians_found_is_learnt_and_told_of_past_outages_and_new_ones(history, site):
    version = learn()
    assert (version.state, version.kind) == ("active", "causes")
    assert "rules alone" in version.reason
    recent = Outage.objects.filter(started_at__gte=NOW - DIAGNOSED).count()
    assert Diagnosis.objects.filter(kind="happened").count() == recent > 400
    right = Diagnosis.objects.filter(charger=history[0]).order_by("at").last()
    found = WorkOrder.objects.filter(charger=history[0]).order_by("opened_at").last()
    assert right.cause == found.found_cause
    assert right.evidence.startswith("associated with: ")
    at = NOW + timedelta(hours=1)
    StatusReport.objects.record(history[:2], [at] * 2, ["FAULTED"] * 2, error_codes=["InternalError", "GroundFailure"])
    assert live_causes.diagnose_new(at + timedelta(seconds=8), now_of(history, site, reboots=3, retries=0)) == 2
    assert live_causes.diagnose_new(at + timedelta(seconds=18), now_of(history, site, reboots=3, retries=0)) == 0
    told = {one.charger_id: one for one in Diagnosis.objects.filter(at=at)}
    assert told[history[0]].cause == "firmware_hang"
    assert (told[history[1]].cause, told[history[1]].evidence) == ("ground_gfci", "the error code GroundFailure")
    assert told[history[1]].likeliest[0][0] == "ground fault"


def test_a_failure_that_is_expected_gets_a_cause_and_its_order_what_it_takes(history, site, client):
    learn()
    expected = live_causes.foresee(NOW, now_of(history, site, reboots=0, retries=3), [int(history[4])])
    diagnosis = expected[int(history[4])]
    assert (diagnosis.kind, diagnosis.cause) == ("expected", "payment_auth")
    wanted = Wanted(
        site.pk, None, diagnosis.cause, Incident.Source.PREDICTION, 0.9, "at risk", diagnosis_id=diagnosis.pk
    )
    order = WorkOrder.objects.open_orders([wanted], NOW)[0]
    assert (order.incident.diagnosis, order.repair.part) == (diagnosis, "card reader")
    client.force_login(fleet.person("chief", is_superuser=True))
    page = client.get(reverse("admin:maintenance_workorder_change", args=[order.pk])).content.decode()
    assert "card reader, electronics, 50 min on site" in page
    assert diagnosis.evidence in page.replace("&#x27;", "'")


def test_a_tick_diagnoses_what_has_failed_and_sends_one_person_whatever_the_cause(history, site):
    learn()
    charger = int(history[0])
    StatusReport.objects.record([charger], [NOW - timedelta(minutes=3)], ["FAULTED"], error_codes=["GroundFailure"])
    features = np.zeros((len(history), len(CHARGER_FEATURES)), "f4")
    live_causes.diagnose_new(NOW, live_causes.Now(history, np.full(len(history), site.pk), features))
    for seconds in (0, 10):
        tasks.tick(NOW + timedelta(seconds=seconds))
    order = WorkOrder.objects.open().get(charger=charger)
    assert (order.cause, order.incident.diagnosis.cause) == ("ground_gfci", "ground_gfci")
    assert (order.incident.severity, order.priority) == ("critical", "urgent")
    assert "people could come to harm" in order.incident.severity_reason


def test_no_finding_is_refused_with_a_sentence(site):
    fleet.reading(site, at=NOW - timedelta(hours=1))
    StatusReport.objects.record([site.chargers.first().pk], [NOW - timedelta(days=40)], ["AVAILABLE"])
    with pytest.raises(NothingToLearn, match="Cannot learn causes: at least 50 failures"):
        learn()


def test_a_finding_belongs_to_the_latest_outage_before_its_order_and_not_to_one_long_ago():
    charger, second = np.array([1, 1, 2]), np.array([0, 1000, 500])
    found = Found(
        np.array([1, 1, 2, 3]), np.array([900, 1100, 500 + 40 * 86_400, 5]),
        np.array(["meter_fault", "unknown", "meter_fault", "meter_fault"]),
    )  # fmt: skip
    assert labels_of(charger, second, found).tolist() == ["meter_fault", "", ""]


def test_the_page_of_the_model_shows_its_report_and_a_person_names_a_group(history, site, client):
    version = learn()
    client.force_login(fleet.person("keeper", "ops", site.operator))
    page = client.get(reverse("admin:telemetry_modelversion_change", args=[version.pk])).content.decode()
    for words in ("It names the right cause in", "rules alone", "What it was and what was said", "What it cannot do"):
        assert words in page
    group = CauseGroup.objects.filter(model=version).first()
    url = reverse("admin:telemetry_causegroup_change", args=[group.pk])
    assert client.post(url, {"confirmed_cause": "payment_auth"}).status_code == 302
    group.refresh_from_db()
    assert (group.confirmed_cause, group.confirmed_by.username) == ("payment_auth", "keeper")
    client.force_login(fleet.person("reader", "viewer", site.operator))
    assert client.post(url, {"confirmed_cause": "meter_fault"}).status_code == 403
