"""Counts of soft events come in by one door, and the same counts twice change nothing."""

from datetime import UTC, datetime

import numpy as np
import pytest
from django.db import IntegrityError

from stations.models import Operator
from telemetry.models import SoftEvents

from . import fleet

pytestmark = pytest.mark.django_db
HALF_PAST = datetime(2026, 3, 1, 7, 30, tzinfo=UTC)


@pytest.fixture
def charger():
    return fleet.charger(fleet.site(Operator.objects.create(name="Northline"), 1))


def test_later_counts_of_a_half_hour_replace_earlier_ones(charger):
    assert SoftEvents.objects.record([charger.pk], [HALF_PAST], np.array([[6], [0], [1], [0], [2]])) == 1
    assert SoftEvents.objects.record([charger.pk], [HALF_PAST], np.array([[6], [0], [1], [0], [2]])) == 0
    twice = np.array([[6, 5], [0, 0], [1, 0], [0, 0], [2, 4]])
    assert SoftEvents.objects.record([charger.pk] * 2, np.array(["2026-03-01T07:30"] * 2, "M8[s]"), twice) == 1
    row = SoftEvents.objects.get()
    assert (row.charger, row.at, row.missed_heartbeats, row.power_dips, row.retries) == (charger, HALF_PAST, 5, 0, 4)


def test_nothing_to_record_is_no_row():
    assert SoftEvents.objects.record([], [], np.zeros((5, 0), int)) == 0


def test_columns_of_unequal_length_are_refused(charger):
    with pytest.raises(ValueError, match="equal length"):
        SoftEvents.objects.record([charger.pk], [HALF_PAST], np.ones((5, 2), int))


def test_counts_below_zero_are_refused(charger):
    with pytest.raises(IntegrityError, match="soft_events_not_negative"):
        SoftEvents.objects.record([charger.pk], [HALF_PAST], np.full((5, 1), -1))
