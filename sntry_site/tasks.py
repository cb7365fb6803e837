"""THE LOOP: tick -> readings -> features -> risk -> root cause -> price and work order -> one push."""

import logging
from datetime import UTC, datetime

import numpy as np
from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from maintenance import crews
from maintenance.models import Incident, Technician, WorkOrder
from maintenance.models.opening import Wanted
from maintenance.notes.writing import write_notes
from maintenance.states import State
from stations import live, outbox
from stations.models import Charger, FleetEvent, Job
from telemetry import charger_pasts, live_causes, live_history, live_risk, retention
from telemetry.live_fleet import LiveFleet
from telemetry.loop_lock import one_at_a_time
from telemetry.models import (
    Cause,
    ChargerState,
    Diagnosis,
    ModelVersion,
    Risk,
    StatusReport,
    Tick,
    WorldState,
)
from telemetry.models.ticks import SLOT_SECONDS, slot_of
from telemetry.network import next_version, read_network, write_readings, write_states
from telemetry.risk.cause_rules import expected_by_rules
from telemetry.simulation.live import Measured, Memory, Options, Usual, step

from . import messages
from .beat import Beat, Clock
from .prices import reprice

logger = logging.getLogger(__name__)


def tick(at: datetime) -> Tick | None:
    """Do the work of the slot that `at` falls into; None if it has been done, or is being done, by somebody else."""
    live_history.ensure_partition(at.astimezone(UTC).date())
    with transaction.atomic():
        claimed = Tick.objects.claim(at)
        if claimed is None:
            return None
        beat, version = advance(claimed.at, SLOT_SECONDS)
        claimed.sites, claimed.version, claimed.scorer = len(beat.network), version, beat.scorer
        claimed.warning = beat.scores.warning[:300]
        claimed.milliseconds, claimed.finished_at = beat.milliseconds, timezone.now()
        claimed.save(update_fields=["sites", "version", "scorer", "warning", "milliseconds", "finished_at"])
    return claimed


def advance(at: datetime, seconds: float) -> tuple[Beat, int]:
    """The loop itself, for all simulated sites at once; returns what happened and the version of its push.

    The world ages by `seconds`: 0 between two ticks, when only what somebody has changed is to show.
    """
    clock = Clock()
    one_at_a_time()
    network = read_network(at)
    clock.lap("read")
    rng = np.random.default_rng([settings.TICK_SEED, int(at.timestamp() * 1000)])
    kept, kept_fleet, last_second = WorldState.objects.remembered_at()
    measured, memory = take_readings(network, kept, seconds, rng)
    fleet = LiveFleet(network, kept_fleet, at, last_second)
    fleet.reconcile()
    clock.lap("readings")
    scores = live_risk.score(at, network, measured)
    clock.lap("risk")
    live_causes.diagnose_new(at, scores.now)
    clock.lap("root cause")
    beat = Beat(at, network, measured, scores, is_tick=seconds > 0)
    note_surges_and_risks(beat)
    reprice(beat)
    dispatch(beat, fleet)
    clock.lap("price and work order")
    if seconds > 0:
        use_chargers(beat, fleet, seconds, rng)
    WorldState.objects.remember(memory, fleet.memory, slot_of(at))
    clock.lap("chargers")
    version, previous = next_version()
    write_readings(at, network, measured, beat.risk)
    write_states(at, version, *messages.state_columns(beat))
    FleetEvent.objects.add(beat.events)
    clock.lap("write")
    push = messages.tick_message(beat, version, previous)
    transaction.on_commit(lambda: live.publish("tick", push))
    clock.lap("message")
    beat.milliseconds = clock.laps
    return beat, version


def take_readings(network: np.ndarray, kept: Memory, seconds: float, rng) -> tuple[Measured, Memory]:
    """What every simulated site measures now, from its climatology, the world's memory and the prices in force."""
    usual = Usual(
        utilization=network["climate_utilization"],
        temperature_f=network["climate_temperature_f"],
        ports_total=network["ports_total"].astype("i8"),
        ports_out_of_service=network["ports_out_of_service"].astype("i8"),
        session_minutes=network["session_minutes"],
        price_ratio=np.where(network["base_price"] > 0, network["price"] / np.maximum(network["base_price"], 1), 1.0),
        stressed=network["stressed"],
    )
    options = Options(settings.TICK_NOISE, settings.PRICE_ELASTICITY, settings.TICK_SURGE_CHANCE)
    measured, memory = step(usual, kept.of(network["site"]), rng, options, seconds)
    return measured, kept.updated(memory)


def note_surges_and_risks(beat: Beat) -> None:
    """Log the surges of demand and high risks, and keep the risks that are worth a row."""
    for place in np.flatnonzero(beat.measured.newly_surged):
        beat.tell("TRAFFIC_SURGE_DETECTED", place, f"{beat.measured.utilization[place]:.0%} of working ports in use")
    Risk.objects.bulk_create(beat.risks_to_keep())
    for place in np.flatnonzero(beat.rises_above(settings.RISK_TOAST)):
        beat.tell("RISK_RAISED", place, f"risk {beat.risk[place]:.0%}: {beat.reasons[place]}")


def dispatch(beat: Beat, fleet: LiveFleet) -> None:
    """Move crews on, then open an order for each site above the threshold and each charger that somebody has to repair.

    A charger that does not work waits first for what is tried from afar.
    """
    finish_orders(beat, fleet)
    wanted = [*wanted_before_failures(beat), *wanted_for_outages(fleet)]
    for order in open_orders(wanted, beat.network, beat.place_of, beat.at):
        beat.tell("WORK_ORDER_OPENED", beat.place_of[order.site_id], f"{order.number}: {order.title}")


def finish_orders(beat: Beat, fleet: LiveFleet) -> None:
    """What simulated crews have done now, and people since the last beat, is repaired; what proves well is closed."""
    by_people = WorkOrder.objects.resolved_by_people_since(fleet.last_at)
    at_work = crews.working_long_enough(beat.at)
    WorkOrder.objects.note_found_causes(fleet.found([*by_people, *at_work]))
    done = [*by_people, *crews.resolve(at_work, beat.at)]
    fleet.renew(done)
    repair_chargers([(order.site_id, order.charger_id) for order in done], beat.at)
    fleet.try_out(done)
    crews.wait_for_parts(beat.at)
    crews.advance(beat.at)
    for order in close_proven(beat.at):
        if order.site_id in beat.place_of:
            beat.tell("WORK_ORDER_CLOSED", beat.place_of[order.site_id], f"{order.number}: {order.title}")


def close_proven(at: datetime) -> list[WorkOrder]:
    """Close the orders whose charger works and has charged somebody since; those where it is out again are reopened."""
    well, out_again = WorkOrder.objects.verifiable()
    WorkOrder.objects.move(out_again, State.IN_PROGRESS, at, "out of order again")
    verified = WorkOrder.objects.move(well, State.VERIFIED, at, "works, and a session has succeeded")
    closed = WorkOrder.objects.move(verified, State.CLOSED, at, "verified")
    return list(WorkOrder.objects.filter(pk__in=closed).order_by("pk")) if closed else []


def wanted_before_failures(beat: Beat) -> list[Wanted]:
    """An order for each site above the threshold that has none as a whole, with the cause that is expected."""
    served = set(WorkOrder.objects.open().filter(charger=None).values_list("site_id", flat=True))
    places = [p for p in np.flatnonzero(beat.needs_work).tolist() if int(beat.network["site"][p]) not in served]
    riskiest = beat.scores.chargers
    expected = live_causes.foresee(beat.at, beat.scores.now, [riskiest[p] for p in places if p in riskiest])
    by_rules = expected_by_rules(beat.measured.utilization[places], (beat.measured.temperature_f[places] - 32) / 1.8)
    return [
        Wanted(
            int(beat.network["site"][p]),
            None,
            expected[riskiest[p]].cause if riskiest.get(p) in expected else str(rule),
            Incident.Source.PREDICTION,
            float(beat.risk[p]),
            beat.reasons[p],
            urgent=bool(beat.critical[p]),
            diagnosis_id=_id(expected.get(riskiest.get(p))),
        )
        for p, rule in zip(places, by_rules, strict=True)
    ]


def wanted_for_outages(fleet: LiveFleet) -> list[Wanted]:
    """An order for each charger that does not work and that somebody has to see, with the cause of its outage."""
    waiting = set(fleet.ids[fleet.fleet.waits_for_somebody(fleet.second)].tolist())
    out = [row for row in ChargerState.objects.faulted_and_simulated() if row[0] in waiting]
    causes = Diagnosis.objects.of_outages({charger: since for charger, *_, since in out if since}) if out else {}
    return [
        Wanted(
            site,
            charger,
            _cause(causes.get(charger)),
            Incident.Source.STATUS,
            None,
            f"{external_id} reports {status.lower()}",
            diagnosis_id=_id(causes.get(charger)),
        )
        for charger, site, external_id, status, since in out
    ]


def _cause(diagnosis: Diagnosis | None) -> str:
    return diagnosis.cause if diagnosis else Cause.UNKNOWN


def _id(diagnosis: Diagnosis | None) -> int | None:
    return diagnosis.pk if diagnosis else None


def open_orders(wanted: list[Wanted], network: np.ndarray, place_of: dict[int, int], at: datetime, by=None):
    """Send the nearest technician to each of `wanted` that has no open order yet; returns the new orders."""
    # Whatever the cause: it may look different by now, and nobody is sent twice for one failure.
    taken = set(WorkOrder.objects.open().values_list("site_id", "charger_id"))
    wanted = [w for w in wanted if (w.site_id, w.charger_id) not in taken]
    if not wanted:
        return []
    places = [place_of[w.site_id] for w in wanted]
    where = network["latitude"][places], network["longitude"][places]
    sent = Technician.objects.nearest_to(*where, [w.skill for w in wanted], at)
    orders = WorkOrder.objects.open_orders([w.sent(t) for w, t in zip(wanted, sent, strict=True)], at, by)
    outbox.put_all("mail", messages.mails_to_technicians(orders))
    new = [order.incident_id for order in orders]
    transaction.on_commit(lambda: write_notes(new), robust=True)  # a note that fails stops nobody
    return orders


def repair_chargers(places: list[tuple[int, int | None]], at: datetime) -> int:
    """The faulted chargers of `places` (site, and one charger of it or None for all) report that they are available.

    Returns how many.
    """
    if not places:
        return 0
    whole = Q(charger__site__in=[site for site, charger in places if charger is None])
    single = Q(charger__in=[charger for _, charger in places if charger is not None])
    ids = list(ChargerState.objects.faulted().filter(whole | single).values_list("charger_id", flat=True))
    if ids:
        StatusReport.objects.record(ids, [at] * len(ids), ["AVAILABLE"] * len(ids))
    return len(ids)


def use_chargers(beat: Beat, fleet: LiveFleet, seconds: float, rng) -> None:
    """Cars charge, chargers age, some fail and some come back after something was done from afar; all of it is told."""
    happened = fleet.step(beat.measured, seconds, rng, beat.power_share)
    told = fleet.record(happened, rng)
    spoken_of = fleet.ids[np.concatenate([happened.failed, happened.healed])].tolist()
    names = dict(Charger.objects.filter(pk__in=spoken_of).values_list("pk", "external_id")) if spoken_of else {}
    for row, code in zip(happened.failed.tolist(), told, strict=True):
        heat = fleet.memory["cabinet_c"][row]
        said = f"{names[int(fleet.ids[row])]} does not work: {code}, {heat:.0f} °C in the cabinet"
        beat.tell("CHARGER_FAULTED", fleet.place[row], said)
    for row in happened.healed.tolist():
        said = f"{names[int(fleet.ids[row])]} is back after a reset from afar"
        beat.tell("CHARGER_RECOVERED", fleet.place[row], said)


@shared_task(name="sntry_site.tick", soft_time_limit=20, time_limit=30)
def tick_task() -> None:
    done = tick(timezone.now())
    if done:
        logger.info("%d sites in %.0f ms, scored by %s", done.sites, sum(done.milliseconds.values()), done.scorer)


@shared_task(name="sntry_site.advance_now", soft_time_limit=20, time_limit=30)
def advance_now() -> None:
    """Show between two ticks what somebody has done by pressing a button."""
    at = timezone.now()
    live_history.ensure_partition(at.date())
    with transaction.atomic():
        advance(at, seconds=0)


@shared_task(name="sntry_site.renew_pasts")
def renew_pasts_task() -> None:
    """Make the past of every charger anew, on which ticks lay the moment; only where a forecast uses it."""
    if ModelVersion.objects.active("forecast", "charger"):
        charger_pasts.refresh(timezone.now())


@shared_task(name="sntry_site.thin_latest")
def thin_latest_task() -> None:
    """Keep the half-hours that have just ended as readings."""
    retention.thin_latest(timezone.now())


@shared_task(name="sntry_site.retain")
def retain_task() -> None:
    at = timezone.now()
    retention.retain(at)
    Job.objects.delete_old_files(at)
