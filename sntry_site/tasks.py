"""THE LOOP: tick -> readings -> features -> risk -> root cause -> price and work order -> one push."""

import logging
from datetime import datetime, timedelta

import numpy as np
from celery import shared_task
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from maintenance.models import Incident, Technician, WorkOrder
from maintenance.models.work_orders import Wanted
from pricing.engine import Policy, Sites, due_to_end, surges_and_reroutes
from pricing.models import PriceChange
from stations import live
from stations.models import FleetEvent, Site
from telemetry import live_history
from telemetry.models import ChargerState, Risk, SiteOverride, StatusReport, Tick, WorldState
from telemetry.models.ticks import SLOT_SECONDS
from telemetry.network import live_features, read_network, write_readings, write_states
from telemetry.risk.reasons import probable_causes
from telemetry.scoring import score_network
from telemetry.simulation.live import Measured, Options, Usual, step

from . import messages
from .beat import Beat, Clock

logger = logging.getLogger(__name__)
POLICY = Policy()
STRESS_LASTS = timedelta(minutes=30)
TICKS_KEPT = timedelta(days=30)


def tick(at: datetime) -> Tick | None:
    """Do the work of the slot that `at` falls into; None if it has been done, or is being done, by somebody else."""
    live_history.ensure_partition(at.date())
    with transaction.atomic():
        claimed = Tick.objects.claim(at)
        if claimed is None:
            return None
        beat, version = advance(claimed.at)
        claimed.sites, claimed.version, claimed.scorer = len(beat.network), version, beat.scorer
        claimed.milliseconds, claimed.finished_at = beat.milliseconds, timezone.now()
        claimed.save(update_fields=["sites", "version", "scorer", "milliseconds", "finished_at"])
    return claimed


def advance(at: datetime) -> tuple[Beat, int]:
    """The loop itself, for all simulated sites at once; returns what happened and the version of its push."""
    clock = Clock()
    with connection.cursor() as cursor:  # one beat at a time, whoever asks
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sntry loop'))")
    network = read_network(at)
    clock.lap("read")
    measured, surged = take_readings(at, network)
    clock.lap("readings")
    features = live_features(network, measured, at)
    risk, model = score_network(features, measured)
    clock.lap("risk")
    beat = Beat(at, network, measured, risk, model)
    note_surges_and_risks(beat, surged)
    reprice(beat)
    dispatch(beat)
    fail_chargers(beat)
    clock.lap("price and work order")
    version, previous = next_version()
    write_readings(at, network, measured, risk)
    write_states(at, version, *messages.state_columns(beat))
    FleetEvent.objects.add(beat.events)
    clock.lap("write")
    push = messages.tick_message(beat, version, previous)
    transaction.on_commit(lambda: live.publish("tick", push))
    clock.lap("message")
    beat.milliseconds = clock.laps
    return beat, version


def take_readings(at: datetime, network: np.ndarray) -> tuple[Measured, np.ndarray]:
    """What every simulated site measures now, from its climatology, the world's memory and the prices in force."""
    known = WorldState.objects.remembered()
    usual = Usual(
        utilization=network["climate_utilization"],
        temperature_f=network["climate_temperature_f"],
        ports_total=network["ports_total"].astype("i8"),
        ports_out_of_service=network["ports_out_of_service"].astype("i8"),
        session_minutes=network["session_minutes"],
        price_ratio=np.where(network["base_price"] > 0, network["price"] / np.maximum(network["base_price"], 1), 1.0),
        stressed=network["stressed"],
    )
    rng = np.random.default_rng([settings.TICK_SEED, int(at.timestamp() * 1000)])
    options = Options(settings.TICK_NOISE, settings.PRICE_ELASTICITY, settings.TICK_SURGE_CHANCE)
    measured, memory = step(usual, known.of(network["site"]), rng, options)
    WorldState.objects.remember(known.updated(memory), int(at.timestamp()) // SLOT_SECONDS)
    return measured, measured.newly_surged


def note_surges_and_risks(beat: Beat, surged: np.ndarray) -> None:
    """Log the surges of demand, and keep a row of each site that has just become critical."""
    for place in np.flatnonzero(surged):
        beat.tell("TRAFFIC_SURGE_DETECTED", place, f"{beat.measured.utilization[place]:.0%} of working ports in use")
    entering = np.flatnonzero(beat.entering)
    sites = beat.network["site"][entering].tolist()
    rows = [
        Risk(site_id=site, at=beat.at, probability=risk, level="critical", reason=beat.reasons[place], model=beat.model)
        for place, site, risk in zip(entering, sites, beat.risk[entering], strict=True)
    ]
    Risk.objects.bulk_create(rows)
    for place in entering[beat.risk[entering] > settings.RISK_TOAST]:
        beat.tell("RISK_RAISED", place, f"risk {beat.risk[place]:.0%}: {beat.reasons[place]}")


def reprice(beat: Beat) -> None:
    """End the price changes that are due, then surge the sites that have become critical and reroute their load."""
    applied = PriceChange.objects.for_engine()
    risk_of = {
        change.site: float(beat.risk[beat.place_of[change.site]]) for change in applied if change.site in beat.place_of
    }
    due = due_to_end(applied, risk_of, beat.at, POLICY)
    for change in PriceChange.objects.filter(pk__in=due).close(beat.at) if due else []:
        beat.tell_price("CLOSED", change, change.new_price, change.site.base_price, due[change.pk])
    if not beat.entering.any():
        return
    openings = surges_and_reroutes(pricing_view(beat, [c.site for c in applied if c.id not in due]), POLICY)
    inputs = {o.site: messages.decision_inputs(beat, beat.place_of[o.site]) for o in openings}
    for change in PriceChange.objects.open(openings, inputs, beat.at, POLICY):
        beat.tell_price("OPENED", change, change.old_price, change.new_price, change.reason)


def pricing_view(beat: Beat, changed: list[int]) -> Sites:
    """What the pricing policy may look at."""
    network = beat.network
    return Sites(
        site=network["site"],
        latitude=network["latitude"],
        longitude=network["longitude"],
        kind=network["charger_type"],
        utilization=beat.measured.utilization,
        risk=beat.risk,
        entering=beat.entering,
        priced=network["base_price"] > 0,
        changed=np.isin(network["site"], changed),
    )


def dispatch(beat: Beat) -> None:
    """Open a work order for each site above the threshold and each faulted charger that has none; move crews on."""
    places = np.flatnonzero(beat.needs_work)
    causes = probable_causes(beat.measured.utilization[places], beat.measured.temperature_f[places])
    wanted = [
        Wanted(
            int(beat.network["site"][p]),
            None,
            str(cause),
            Incident.Source.PREDICTION,
            float(beat.risk[p]),
            beat.reasons[p],
            urgent=bool(beat.critical[p]),
        )
        for p, cause in zip(places, causes, strict=True)
    ]
    wanted += [
        Wanted(site, charger, "unknown", Incident.Source.STATUS, None, f"{external_id} reports {status.lower()}")
        for charger, site, external_id, status in ChargerState.objects.faulted_and_simulated()
        if site in beat.place_of
    ]
    for order in open_orders(wanted, beat.network, beat.place_of, beat.at):
        beat.tell("WORK_ORDER_OPENED", beat.place_of[order.site_id], f"{order.number}: {order.title}")
    for order in WorkOrder.objects.advance_simulated_crews(beat.at):
        repair_chargers(order.site_id, order.charger_id, beat.at)
        if order.site_id in beat.place_of:
            beat.tell("WORK_ORDER_CLOSED", beat.place_of[order.site_id], f"{order.number}: {order.title}")


def open_orders(wanted: list[Wanted], network: np.ndarray, place_of: dict[int, int], at: datetime, by=None):
    """Send the nearest technician to each of `wanted` that has no open order yet; returns the new orders."""
    taken = set(WorkOrder.objects.open().values_list("site_id", "charger_id", "cause"))
    wanted = [w for w in wanted if (w.site_id, w.charger_id, w.cause) not in taken]
    if not wanted:
        return []
    places = [place_of[w.site_id] for w in wanted]
    sent = Technician.objects.nearest_to(network["latitude"][places], network["longitude"][places])
    return WorkOrder.objects.open_orders([w.sent(t) for w, t in zip(wanted, sent, strict=True)], at, by)


def repair_chargers(site_id: int, charger_id: int | None, at: datetime) -> int:
    """The faulted charger, or all faulted ones of the site, report that they are available; returns how many."""
    faulted = ChargerState.objects.faulted().filter(charger__site=site_id)
    ids = list((faulted.filter(charger=charger_id) if charger_id else faulted).values_list("charger_id", flat=True))
    if ids:
        StatusReport.objects.record(ids, [at] * len(ids), ["AVAILABLE"] * len(ids))
    return len(ids)


def fail_chargers(beat: Beat) -> None:
    """The chargers that fail at this beat report it."""
    places = np.flatnonzero(beat.measured.failures)
    if not len(places):
        return
    wanted = {int(beat.network["site"][p]): int(beat.measured.failures[p]) for p in places}
    failing = ChargerState.objects.pick_working(wanted, seed=int(beat.at.timestamp()))
    ids = [charger for charger, _, _ in failing]
    StatusReport.objects.record(ids, [beat.at] * len(ids), ["FAULTED"] * len(ids))
    for _, site, external_id in failing:
        beat.tell("CHARGER_FAULTED", beat.place_of[site], f"{external_id} reports faulted")


def stress_site(site: Site, by, at: datetime) -> None:
    """Hold a simulated site at 98 % load and 105 °F until somebody heals it, at most half an hour."""
    with transaction.atomic():
        SiteOverride.objects.end(site.pk, at)
        SiteOverride.objects.create(site=site, starts_at=at, ends_at=at + STRESS_LASTS, by=by)
        _log("STRESSED", site, by, at, "held at 98 % load and 105 °F (simulated)")
        advance_now.delay_on_commit()


def heal_site(site: Site, by, at: datetime) -> None:
    """End the stress of a site, repair its chargers, put its price back and close its work orders."""
    with transaction.atomic():
        SiteOverride.objects.end(site.pk, at)
        repaired = repair_chargers(site.pk, None, at)
        PriceChange.objects.around(site.pk).close(at)
        orders = list(WorkOrder.objects.open().filter(site=site).values_list("pk", flat=True))
        WorkOrder.objects.move(orders, WorkOrder.State.CLOSED, at, "healed from the board", by)
        _log("HEALED", site, by, at, f"{repaired} chargers repaired, {len(orders)} work orders closed")
        advance_now.delay_on_commit()


def dispatch_site(site: Site, by, at: datetime) -> WorkOrder:
    """Open a work order for a site now, or return the one that is open already."""
    existing = WorkOrder.objects.open().filter(site=site, charger=None).first()
    if existing:
        return existing
    state = site.state
    cause = str(probable_causes(np.array([state.utilization]), np.array([state.temperature_f]))[0])
    title = state.reason or "asked for from the board"
    wanted = Wanted(site.pk, None, cause, Incident.Source.PERSON, state.risk, title, urgent=state.level == "critical")
    place = {"latitude": np.array([site.latitude], float), "longitude": np.array([site.longitude], float)}
    with transaction.atomic():
        order = open_orders([wanted], place, {site.pk: 0}, at, by)[0]
        _log("WORK_ORDER_OPENED", site, by, at, f"{order.number}: {order.title}")
        advance_now.delay_on_commit()
    return order


def retain(at: datetime) -> dict[str, int]:
    """Keep half-hours of the days gone by, drop what is older than its keeping time; returns how much of each."""
    live_history.ensure_partition(at.date() + timedelta(days=1))
    thinned = dropped = 0
    for day in live_history.days_kept():
        if day < at.date():
            thinned += live_history.thin(day, settings.DATA_TIME_ZONE)
        if day < at.date() - timedelta(days=settings.RAW_DAYS):
            live_history.drop(day)
            dropped += 1
    FleetEvent.objects.filter(at__lt=at - timedelta(days=settings.EVENT_DAYS)).delete()
    Risk.objects.filter(at__lt=at - timedelta(days=settings.EVENT_DAYS)).delete()
    Tick.objects.filter(slot__lt=int((at - TICKS_KEPT).timestamp()) // SLOT_SECONDS).delete()
    return {"readings_kept": thinned, "days_dropped": dropped}


def next_version() -> tuple[int, int]:
    """The version of the next push and that of the last one; called under the loop's lock, so nobody is between."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM telemetry_live_version")
        previous = cursor.fetchone()[0]
        cursor.execute("SELECT nextval('telemetry_live_version')")
        return cursor.fetchone()[0], previous


@shared_task(name="sntry_site.tick", soft_time_limit=20, time_limit=30)
def tick_task() -> None:
    done = tick(timezone.now())
    if done:
        logger.info("%d sites in %.0f ms, scored by %s", done.sites, sum(done.milliseconds.values()), done.scorer)


@shared_task(name="sntry_site.advance_now", soft_time_limit=20, time_limit=30)
def advance_now() -> None:
    """Advance the network between two ticks, because somebody pressed a button and wants to see what it does."""
    at = timezone.now()
    live_history.ensure_partition(at.date())
    with transaction.atomic():
        advance(at)


@shared_task(name="sntry_site.retain")
def retain_task() -> None:
    retain(timezone.now())


def _log(kind: str, site: Site, by, at: datetime, text: str) -> None:
    FleetEvent.objects.create(at=at, kind=kind, site=site, operator_id=site.operator_id, message=text, actor=by)
