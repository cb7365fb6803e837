"""How the machine is: the beat of the last hour, and the models that score."""

from datetime import datetime, timedelta

import numpy as np
from django.urls import reverse

from stations.admin_display import badge, relative
from stations.sparkline import trend
from telemetry.models import ModelVersion, Tick
from telemetry.models.ticks import SET_BACK, SLOT_SECONDS, lies_in_future, slot_of

from .dashboard_trends import Tile

LATE_AFTER = timedelta(seconds=30)
HOUR = 3600 // SLOT_SECONDS  # ticks


def _last_hour(now: datetime) -> list[Tick]:
    ticks = Tick.objects.filter(slot__gt=slot_of(now) - HOUR, finished_at__isnull=False)
    return list(ticks.order_by("slot").only("slot", "started_at", "finished_at"))


def milliseconds(ticks: list[Tick]) -> list[float]:
    """How long each of the ticks took."""
    return [1000 * (tick.finished_at - tick.started_at).total_seconds() for tick in ticks]


def tick_tile(now: datetime) -> Tile:
    """When the network was last scored and by what, and how long the ticks of the last hour took."""
    link = reverse("admin:telemetry_tick_changelist")
    tick = Tick.objects.filter(finished_at__isnull=False).order_by("-slot").first()
    if tick is None:
        return Tile("Last tick", "none yet", "nothing has been scored", link, alarm=True)
    took = milliseconds(_last_hour(now))
    age = now - tick.finished_at
    trouble = SET_BACK if lies_in_future(age.total_seconds()) else tick.warning
    below = trouble or (f"{len(took):,} of {HOUR} in the last hour" if took else "none in the last hour")
    if took and not trouble:
        below += f", 95 % within {np.percentile(took, 95):,.0f} ms"
    words = f"Milliseconds of each tick in the last hour: at most {max(took):,.0f}" if took else "no tick"
    line = trend(took, words) if len(took) > 1 else ""
    alarm = age > LATE_AFTER or bool(trouble)
    return Tile("Last tick", relative(tick.finished_at, now), below, link, alarm=alarm, trend=line)


def lines(now: datetime) -> list[tuple]:
    """The models that score now, with their age: (name, badge, age, link)."""
    models = ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE).defer("metrics").order_by("kind", "-pk")
    return [
        (
            f"{model.get_kind_display()} {model.pk}" + (f", {model.horizon_hours} h" if model.horizon_hours else ""),
            badge(ModelVersion.State(model.state)),
            f"trained {relative(model.trained_at, now)}",
            reverse("admin:telemetry_modelversion_change", args=[model.pk]),
        )
        for model in models[:6]
    ]
