"""A tick's forecasts, shared out among the workers of the tick queue: the largest part of it in a large network."""

import logging
import os
import socket
import time
from collections.abc import Callable
from datetime import datetime

import numpy as np
from django.conf import settings

from stations import broker
from telemetry import live_risk
from telemetry.models import Tick, TickShard
from telemetry.models.ticks import SLOT_SECONDS, slot_of, slot_start

KEPT_SLOTS = 360  # an hour of who has done what
PATIENCE_SECONDS = 3.0  # for what others have claimed; what is missing then is made by the tick itself
LOOK_SECONDS = 0.01

logger = logging.getLogger(__name__)
Read = Callable[[datetime], tuple[np.ndarray, object]]


def forecasts(at: datetime, read: Read) -> np.ndarray | None:
    """The forecasts of the slot of `at`, made together with the other workers; None where nothing is shared out.

    `read` gives network and measured values at a time. Whoever dies on the way is waited for a few seconds at most.
    """
    shards, version = settings.TICK_SHARDS, live_risk.forecaster()
    if shards < 2 or version is None or Tick.objects.filter(slot=slot_of(at)).exists():
        return None
    broker.tell("sntry_site.help_tick", [[slot_of(at)]] * (shards - 1), expires=SLOT_SECONDS)
    work_off(at, read)
    patient_until = time.monotonic() + PATIENCE_SECONDS
    while TickShard.objects.is_under_way(slot_of(at)):
        if time.monotonic() > patient_until:
            logger.warning("a worker did not hand in its share of the tick; it is made here")
            break
        time.sleep(LOOK_SECONDS)
    return TickShard.objects.forecasts(slot_of(at), version)


def work_off(at: datetime, read: Read) -> int:
    """Claim shard after shard of the slot of `at` and forecast it, until none is left; says how many those were."""
    begin, slot, count = slot_start(at), slot_of(at), 0
    version = live_risk.forecaster()
    if version is None or Tick.objects.filter(slot=slot).exists():
        return 0
    share = None
    while (shard := TickShard.objects.claim_next(slot, settings.TICK_SHARDS, worker(), version)) is not None:
        share = share or live_risk.Shared(begin, *read(begin))
        TickShard.objects.keep(slot, shard, share.forecast(shard, settings.TICK_SHARDS))
        count += 1
    return count


def worker() -> str:
    """The name of this process, as it stands beside what it has done."""
    return f"{socket.gethostname()}:{os.getpid()}"[:100]
