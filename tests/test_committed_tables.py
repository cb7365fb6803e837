"""What a test commits is gone for the next one, however the test says that it commits."""

import pytest

from stations.models import Operator
from telemetry import live_history
from telemetry.models import LiveReading

from . import fleet

pytestmark = pytest.mark.xdist_group("committed")  # the two halves run one after the other, in one process


def test_first_half_commits_a_live_reading_through_the_fixture(transactional_db):
    here = fleet.live_site(Operator.objects.create(name="Northline"), 1)
    live_history.ensure_partition(fleet.NOW.date())
    ports = {"ports_available": 3, "ports_occupied": 1, "ports_out_of_service": 0}
    measured = {"utilization": 0.25, "wait_minutes": 0, "temperature_f": 70, "price": "0.4", "risk": 0}
    LiveReading.objects.create(site=here, at=fleet.NOW, **ports, **measured)
    assert LiveReading.objects.exists()


def test_second_half_finds_no_live_reading(transactional_db):
    assert not LiveReading.objects.exists()
