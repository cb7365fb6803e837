"""What a site's meter reads at the end of a half-hour, in the columns of the data set, derived from its chargers."""

import numpy as np

from .sessions import wait_minutes
from .state import UPKEEP
from .streams import STEPS_PER_DAY
from .world import World

OPERATIONAL, PARTIAL_OUTAGE, UNDER_MAINTENANCE, OFFLINE = range(4)  # indices in history.STATUSES


def station_rows(world: World) -> dict[str, np.ndarray]:
    """Readings of all sites for the half-hour that `world` went through last, under the names of the data set.

    As in `history.history`: `site`, `timestamp` and the measured columns, one element per site. A site is offline
    when no port works and one at least is broken, under maintenance when only planned services keep ports away.
    """
    state, chargers, around = world.state, world.chargers, world.around
    slot, sites = (world.step - 1) % STEPS_PER_DAY, len(world.network)
    broken = chargers.per_site((~state.seems_up & (state.down != UPKEEP)).astype(int))
    out = chargers.per_site((~state.seems_up).astype(int))
    occupied = chargers.per_site(state.is_charging.astype(int))
    working = world.network.ports - out
    wait = wait_minutes(state.queue, working - occupied, working, world.network.session_minutes)
    status = np.where(broken > 0, np.where(working > 0, PARTIAL_OUTAGE, OFFLINE), UNDER_MAINTENANCE)
    return {
        **{name: values[slot] for name, values in around.air.items()},
        "ports_available": working - occupied,
        "ports_occupied": occupied,
        "ports_out_of_service": out,
        "utilization_rate": np.round(np.where(working > 0, state.utilization, 0), 3),
        "station_status": np.where(out > 0, status, OPERATIONAL),
        "estimated_wait_time_mins": np.round(wait, 1),
        "current_price": world.price,
        "avg_session_duration_mins": around.session[slot],
        "traffic_congestion_index": around.traffic[slot],
        "local_event": around.event[slot],
        "site": np.arange(sites),
        "timestamp": np.full(sites, around.times[slot]),
    }
