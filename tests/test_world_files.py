"""A world as files: the 33 columns and, beside them, what its chargers went through."""

import csv
from contextlib import ExitStack
from datetime import datetime, timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count

from maintenance.models import WorkOrder
from stations.models import Charger, Site
from telemetry.models import ChargerState, ChargingSession, Outage, Reading, SoftEvents, StatusReport
from telemetry.models.status import OUT_STATES
from telemetry.simulation.causes import NAMES
from telemetry.simulation.history_file import COLUMNS
from telemetry.simulation.network import network
from telemetry.simulation.parameters import SCENARIOS
from telemetry.simulation.world_files import EXTRAS, _Writer, beside, settled_world, write_world

START, DAYS, SITES = np.datetime64("2025-07-10"), 6, 12
TYPICAL = SCENARIOS["typical"]


def no_progress(*_):
    pass


def written(path, seed=3, days=DAYS, scenario=TYPICAL, extras=EXTRAS, sites=SITES, dirt=False):
    write_world(path, network(sites, seed), START, 48 * days, seed, scenario, extras, no_progress, dirt)
    return path


def rows(path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return written(tmp_path_factory.mktemp("world") / "history.csv")


def test_readings_have_the_33_columns_and_their_identities(world):
    readings = rows(world)
    assert tuple(readings[0]) == COLUMNS
    assert len(readings) == SITES * DAYS * 48
    for row in readings:
        total, free, used, out = (
            int(row[f"ports_{part}"]) for part in ("total", "available", "occupied", "out_of_service")
        )
        assert free + used + out == total
        assert min(free, used, out) >= 0
        assert 0 <= float(row["utilization_rate"]) <= 1
        assert (float(row["estimated_wait_time_mins"]) > 0) == (free == 0)
        assert (row["station_status"] == "operational") == (out == 0)
        assert row["station_status"] != "offline" or out == total
        assert row["pricing_type"] != "free" or float(row["current_price"]) == 0


def test_ports_are_out_of_service_exactly_while_the_truth_says_so(world):
    outages = [
        (row["charger_id"], *(datetime.fromisoformat(row[f"{turn}_at"]) for turn in ("told", "ended")))
        for row in rows(beside(world, "truth"))
    ]
    assert len(outages) > 10
    readings = {(row["station_id"], row["timestamp"]): row for row in rows(world)}
    second = timedelta(seconds=1)
    for charger, start, end in outages:
        site = charger.rpartition("-")[0]
        at = start.replace(minute=30 * (start.minute // 30), second=0) + timedelta(minutes=30)
        while at < end - second and (row := readings.get((site, f"{at:%Y-%m-%d %H:%M:%S}"))):
            assert row["station_status"] in ("partial_outage", "offline")
            at += timedelta(minutes=30)


@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
def test_the_same_seed_gives_the_same_bytes_in_every_file(tmp_path, suffix):
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder, seed in zip(folders, (5, 5, 6), strict=True):
        folder.mkdir()
        written(folder / f"history.{suffix}", seed=seed, days=2, sites=40, dirt=True)
    names = sorted(file.name for file in folders[0].iterdir())
    assert len(names) == 8
    for name in names:
        one, two, three = ((folder / name).read_bytes() for folder in folders)
        assert one == two
        assert one != three, name


def test_readings_do_not_depend_on_what_else_is_written(tmp_path, world):
    alone = written(tmp_path / "alone.csv", extras=())
    assert alone.read_bytes() == world.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["alone.csv"]


def test_a_history_that_continues_another_has_no_seam(tmp_path):
    kinds = ("statuses", "soft-events", "sessions", "orders")
    whole = written(tmp_path / "whole.csv", days=9, scenario=SCENARIOS["poor"], extras=kinds, sites=40)
    later = tmp_path / "later.csv"
    start, poor = START + np.timedelta64(5, "D"), SCENARIOS["poor"]
    write_world(later, network(40, 3), start, 48 * 4, 3, poor, kinds, no_progress, lived_days=5)
    for name in (None, "soft-events", "sessions", "orders"):
        long, short = (rows(beside(path, name) if name else path) for path in (whole, later))
        assert len(short) > 5
        assert long[-len(short) :] == short, name
    long, short = (rows(beside(path, "statuses")) for path in (whole, later))
    opening = int(network(40, 3).ports.sum())  # what every charger would say when the later file begins
    assert long[-len(short) + opening :] == short[opening:]


def test_a_longer_history_begins_with_the_shorter_one(tmp_path, world):
    longer = written(tmp_path / "longer.csv", days=DAYS + 2, extras=())
    assert longer.read_bytes().startswith(world.read_bytes())


def test_hazards_are_kept_for_each_half_hour_and_charger(world):
    hazard = np.load(world.with_name("history-hazard.npy"))
    assert hazard.shape == (DAYS * 48, network(SITES, 3).ports.sum())
    assert (hazard[~np.isnan(hazard)] > 0).all()
    assert 0 < np.isnan(hazard).mean() < 0.3


def test_orders_name_the_cause_that_was_found_and_one_in_twenty_is_wrong(tmp_path):
    written(tmp_path / "h.csv", sites=100, days=20, scenario=SCENARIOS["poor"], extras=("orders", "truth"))
    truth = {(row["charger_id"], row["ended_at"]): row["cause"] for row in rows(tmp_path / "h-truth.csv")}
    orders = rows(tmp_path / "h-orders.csv")
    assert len(orders) > 150
    known = [(order, truth[key]) for order in orders if (key := (order["charger_id"], order["closed_at"])) in truth]
    assert len(known) > 100  # the others had begun before the first row
    wrong = [order for order, cause in known if order["cause"] != cause]
    assert 0.01 < len(wrong) / len(known) < 0.10
    assert {order["cause"] for order in orders} <= set(NAMES)
    for order in orders:
        assert order["opened_at"] <= order["dispatched_at"] <= order["arrived_at"] <= order["closed_at"]


def test_dirt_adds_duplicates_disorder_and_clocks_of_1970_and_changes_no_reading(tmp_path, world):
    dirty = written(tmp_path / "dirty.csv", dirt=True)
    assert dirty.read_bytes() == world.read_bytes()
    clean, dirt = ([tuple(row.values()) for row in rows(beside(path, "statuses"))] for path in (world, dirty))
    assert len(dirt) > len(clean)
    assert len(set(dirt)) < len(dirt)
    assert any(row[0].startswith("1970") for row in dirt)
    times = [row[0] for row in dirt if not row[0].startswith("1970")]
    assert times != sorted(times)
    assert [row[0] for row in clean] == sorted(row[0] for row in clean)
    assert not any(row[2] == "FAULTED" and row[4] == "NoError" for row in clean)


@pytest.mark.django_db
def test_a_world_is_loaded_with_its_chargers_outages_and_sessions():
    options = {"sites": 4, "days": 3, "seed": 2, "end": "2025-07-04", "verbosity": 0}
    kinds = "statuses,soft-events,sessions,orders"
    call_command("generate_history", load=True, scenario="poor", extras=kinds, **options)
    assert Reading.objects.count() == 4 * (3 * 48 + 1)
    assert Charger.objects.count() == sum(Site.objects.values_list("ports_total", flat=True))
    assert set(StatusReport.objects.values_list("charger", flat=True)) == set(
        Charger.objects.values_list("pk", flat=True)
    )
    assert Outage.objects.filter(ended_at__isnull=False).exists()
    assert "WeakSignal" in set(StatusReport.objects.values_list("error_code", flat=True))
    assert not StatusReport.objects.filter(status="AVAILABLE").exclude(error_code="").exists()
    assert "CX007" in set(Outage.objects.values_list("vendor_code", flat=True))
    assert ChargingSession.objects.filter(success=False).exists()
    assert SoftEvents.objects.filter(missed_heartbeats__gt=0).exists()
    assert WorkOrder.objects.filter(state="closed").exclude(found_cause="").exists()
    last = Reading.objects.latest("at").at
    out = ChargerState.objects.filter(status__in=OUT_STATES).values_list("charger__site").annotate(Count("pk"))
    read = Reading.objects.filter(at=last, ports_out_of_service__gt=0).values_list("site", "ports_out_of_service")
    assert dict(out) == dict(read) != {}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"scenario": "plain", "extras": "statuses"}, "need a world with chargers"),
        ({"scenario": "plain", "dirt": True}, "need a world with chargers"),
        ({"scenario": "good", "extras": "gossip"}, "there is no 'gossip'"),
        ({"scenario": "good", "start": "2025-07-01T00:10"}, "not on the half-hour"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_sentence(tmp_path, options, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("generate_history", csv=str(tmp_path / "made.csv"), sites=2, days=1, **options)


@pytest.mark.django_db
def test_the_truth_is_written_and_never_loaded():
    with pytest.raises(CommandError, match="write the rest with --csv"):
        call_command("generate_history", load=True, scenario="good", extras="truth", sites=2, days=1)


def test_no_charger_says_two_things_in_a_second(world, tmp_path):
    told = [(row["charger_id"], row["time"]) for row in rows(beside(world, "statuses"))]
    assert len(told) == len(set(told))
    settled, _ = settled_world(network(2, 3), START, 3, TYPICAL)
    with ExitStack() as stack:
        writer = _Writer(tmp_path / "two.csv", settled, 48, ("statuses",), False, stack)
        day = {"charger": np.array([0, 1, 0, 0, 1]), "minute": np.array([10, 10, 10.001, 10.002, 11])}
        assert writer._seconds_apart(day).tolist() == [600, 600, 601, 602, 660]
        again = {"charger": np.array([0, 1, 0]), "minute": np.array([10.03, 11.5, 12])}
        assert writer._seconds_apart(again).tolist() == [603, 690, 720]
