"""Orders that the loop or a person asks for: who is sent, and what is told."""

from datetime import datetime

import numpy as np
from django.db import transaction

from stations.models import Site

from .models import Technician, WorkOrder
from .models.opening import Wanted
from .notes.writing import write_notes


def open_orders(wanted: list[Wanted], at: datetime, by=None) -> list[WorkOrder]:
    """Send the nearest able technician to each of `wanted` that has no open order yet; returns the new orders."""
    # Whatever the cause: it may look different by now, and nobody is sent twice for one failure.
    taken = set(WorkOrder.objects.open().values_list("site_id", "charger_id")) if wanted else set()
    # Of two for one place the later counts: what has failed comes after what may fail.
    places = {(w.site_id, w.charger_id): w for w in wanted}
    wanted = [w for place, w in places.items() if place not in taken]
    if not wanted:
        return []
    sites = Site.objects.in_bulk({w.site_id for w in wanted})
    here = [sites[w.site_id] for w in wanted]
    places = np.array([(site.latitude, site.longitude) for site in here], float)
    skills, operators = [w.skill for w in wanted], [site.operator_id for site in here]
    sent = Technician.objects.nearest_to(places[:, 0], places[:, 1], skills, at, operators)
    ready = [w.sent(who, site.time_zone) for w, who, site in zip(wanted, sent, here, strict=True)]
    orders = WorkOrder.objects.open_orders(ready, at, by)
    tell_causes([order.incident_id for order in orders])
    return orders


def tell_causes(incidents: list[int], anew: bool = False) -> None:
    """Have a note about the root cause written for each of these that has none (`anew`: for all), after the commit."""
    if incidents:
        # A note that fails stops nobody.
        transaction.on_commit(lambda: write_notes(incidents, anew=anew), robust=True)
