"""Orders from before their times had columns get them from their steps, once, and others keep theirs."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection

from stations.models import Operator

from . import fleet

FILL = import_module("maintenance.migrations.0009_times_of_old_orders").FILL


@pytest.mark.django_db
def test_times_come_from_steps_where_there_are_none():
    here, hour = fleet.site(Operator.objects.create(name="Northline"), 1), timedelta(hours=1)
    old = fleet.work_order(here, state="closed", closed_at=fleet.NOW + 5 * hour)
    closed = {"state": "closed", "closed_at": fleet.NOW + hour, "resolved_at": fleet.NOW}
    known = fleet.work_order(here, cause="meter_fault", **closed)
    still_open = fleet.work_order(here, cause="grid_supply")
    for order in (old, known, still_open):
        for number, state in enumerate(("new", "en_route", "in_progress", "closed"), 1):
            order.changes.create(at=fleet.NOW + number * hour, new_state=state)
    with connection.cursor() as cursor:
        cursor.execute(FILL)
    for order in (old, known, still_open):
        order.refresh_from_db()
    times = [(moment - fleet.NOW) / hour for moment in (old.accepted_at, old.arrived_at, old.resolved_at)]
    assert times == [2, 3, 5]
    assert (known.resolved_at, known.accepted_at) == (fleet.NOW, None)
    assert still_open.resolved_at is None
