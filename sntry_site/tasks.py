"""THE LOOP: tick -> readings -> features -> risk -> root cause -> price and work order -> one push."""

import logging
from datetime import UTC, datetime, timedelta

import numpy as np
from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from maintenance.models import PlannedWork, RootCauseNote
from stations import live
from stations.clock import now as database_now
from stations.jobs import enqueue
from stations.models import (
    AnsweredRequest,
    AssistantCall,
    Charger,
    FleetEvent,
    Job,
    Operator,
    Outbox,
    PartnerKey,
    Scope,
    Site,
    WebhookDelivery,
)
from telemetry import charger_pasts, live_causes, live_history, live_risk, retention
from telemetry.live_fleet import LiveFleet
from telemetry.loop_lock import one_at_a_time
from telemetry.models import (
    Climatology,
    ModelVersion,
    Risk,
    Tick,
    TickShard,
    WorldState,
)
from telemetry.models.ticks import SLOT_SECONDS, slot_of
from telemetry.network import next_version, read_network, write_readings, write_states
from telemetry.simulation.live import Measured, Memory, Options, Usual, step

from . import messages, shards
from .beat import Beat, Clock
from .dispatch import dispatch
from .exports.dump import ask_for_last_day
from .incidents import note_healed
from .ocpi.push import push_due
from .partner_news import tell_partners
from .planned import keep_planned_work
from .prices import reprice
from .request_ids import during

logger = logging.getLogger(__name__)


def tick(at: datetime) -> Tick | None:
    """Do the work of the slot that `at` falls into; None if it has been done, or is being done, by somebody else."""
    live_history.ensure_partition(at.astimezone(UTC).date())
    ready = shards.forecasts(at, read_moment)
    with transaction.atomic():
        claimed = Tick.objects.claim(at)
        if claimed is None:
            return None
        beat, version = advance(claimed.at, SLOT_SECONDS, ready)
        claimed.sites, claimed.version, claimed.scorer = len(beat.network), version, beat.scorer
        claimed.warning = beat.scores.warning[:300]
        claimed.milliseconds = beat.milliseconds
        claimed.finished_at = Now()  # of the database, by whose clock its age is told
        claimed.save(update_fields=["sites", "version", "scorer", "warning", "milliseconds", "finished_at"])
        if ready is not None:
            TickShard.objects.forget(claimed.slot, shards.KEPT_SLOTS)
    return claimed


def advance(at: datetime, seconds: float, ready: np.ndarray | None = None) -> tuple[Beat, int]:
    """The loop itself, for all simulated sites at once; returns what happened and the version of its push.

    The world ages by `seconds`: 0 between two ticks, when only what somebody has changed is to show. `ready` are
    forecasts that other workers have made for this moment.
    """
    clock = Clock()
    one_at_a_time()
    network = read_network(at)
    clock.lap("read")
    rng = dice(at)
    kept, kept_fleet, last_second = WorldState.objects.remembered_at()
    measured, memory = take_readings(network, kept, seconds, rng)
    fleet = LiveFleet(network, kept_fleet, at, last_second)
    fleet.reconcile()
    clock.lap("readings")
    scores = live_risk.score(at, network, measured, ready)
    clock.lap("risk")
    live_causes.diagnose_new(at, scores.now)
    clock.lap("root cause")
    beat = Beat(at, network, measured, scores, is_tick=seconds > 0)
    note_surges_and_risks(beat)
    reprice(beat)
    at_work = keep_planned_work(at, fleet)
    dispatch(beat, fleet, at_work)
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


def dice(at: datetime) -> np.random.Generator:
    """The chance of one moment: the same in every process that asks for it."""
    return np.random.default_rng([settings.TICK_SEED, int(at.timestamp() * 1000)])


def read_moment(at: datetime) -> tuple[np.ndarray, Measured]:
    """The network and what it will measure at the tick that begins at `at`, for those who help with that tick."""
    network = read_network(at)
    kept, _, _ = WorldState.objects.remembered_at()
    return network, take_readings(network, kept, SLOT_SECONDS, dice(at))[0]


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
    note_healed(fleet.ids[happened.healed].tolist(), beat.at, fleet)
    back: dict[int, list[str]] = {}
    for row in happened.healed.tolist():
        back.setdefault(int(fleet.place[row]), []).append(names[int(fleet.ids[row])])
    for place, chargers in back.items():  # one line for a site, because cabinets are reset whole
        said = f"{', '.join(chargers)} {'is' if len(chargers) == 1 else 'are'} back after a reset from afar"
        beat.tell("CHARGER_RECOVERED", place, said)


@shared_task(name="sntry_site.tick", soft_time_limit=20, time_limit=30)
def tick_task(slot: int | None = None) -> None:
    """The tick of this moment, or of the `slot` that is named."""
    at = database_now() if slot is None else datetime.fromtimestamp(slot * SLOT_SECONDS, UTC)
    with during(tick=slot_of(at)):
        done = tick(at)
        if done:
            logger.info("%d sites in %.0f ms, scored by %s", done.sites, sum(done.milliseconds.values()), done.scorer)


@shared_task(name="sntry_site.help_tick", soft_time_limit=20, time_limit=30)
def help_tick(slot: int) -> None:
    """Make a share of the forecasts of a tick that another worker has begun."""
    with during(tick=slot):
        shards.work_off(datetime.fromtimestamp(slot * SLOT_SECONDS, UTC), read_moment)


@shared_task(name="sntry_site.advance_now", soft_time_limit=20, time_limit=30)
def advance_now() -> None:
    """Show between two ticks what somebody has done by pressing a button."""
    at = database_now()
    live_history.ensure_partition(at.date())
    with during(tick=slot_of(at)), transaction.atomic():
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


@shared_task(name="sntry_site.prepare_reliability")
def prepare_reliability_task() -> None:
    """Have the reliability questions answered before somebody opens their pages."""
    enqueue("prepare_reliability")


@shared_task(name="sntry_site.tell_partners", time_limit=55)
def tell_partners_task() -> None:
    """Queue what partners are to be told of what has happened since the last time."""
    tell_partners(database_now())


@shared_task(name="sntry_site.push_ocpi", time_limit=55)
def push_ocpi_task() -> None:
    """Tell the receivers of OCPI what has changed."""
    push_due()


@shared_task(name="sntry_site.nightly_dumps")
def nightly_dumps_task() -> None:
    """Ask for yesterday's dump of every operator with a partner whose key may fetch exports."""
    now = timezone.now()
    keys = PartnerKey.objects.live(now).filter(scopes__contains=[Scope.EXPORTS_READ.value])
    ask_for_last_day(Operator.objects.filter(pk__in=keys.values("partner__operator")), now)


@shared_task(name="sntry_site.retain")
def retain_task() -> None:
    at = timezone.now()
    retention.retain(at)
    old = at - timedelta(days=settings.RESULT_DAYS)
    Outbox.objects.drop_old(old)
    WebhookDelivery.objects.filter(created_at__lt=old).delete()
    for work in PlannedWork.objects.select_related("site"):
        work.lay_out(at)
    Job.objects.delete_old_files(at)
    AssistantCall.objects.drop_old(at)
    RootCauseNote.objects.drop_old(at)
    AnsweredRequest.objects.drop_old(at)
    # Half-hours that partners have sent: what is usual at their sites follows them.
    real = Site.objects.filter(operator__is_simulated=False)
    Climatology.objects.rebuild(list(real.values_list("pk", flat=True)))
