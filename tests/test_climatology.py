"""What is usual: means by month and hour, beside the same made by pandas; gaps filled from the nearest month."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from stations.models import Operator, Site
from telemetry.models import Climatology, Reading, SiteState

pytestmark = pytest.mark.django_db
MEANS = ["utilization", "temperature_f", "precipitation_mm", "gas_price", "traffic_index"]


def a_site(name="S1") -> Site:
    operator, _ = Operator.objects.get_or_create(name="Somebody")
    return Site.objects.create(operator=operator, external_id=name, name=name, ports_total=4, base_price="0.4")


def read(site, at, chance, **values) -> Reading:
    measured = {
        "ports_total": 4, "ports_available": 3, "ports_occupied": 1, "ports_out_of_service": 0, "status": 0,
        "utilization": chance.random(), "wait_minutes": 0, "session_minutes": 30, "price": "0.4",
        "temperature_f": chance.normal(60, 20), "precipitation_mm": chance.random(), "weather": chance.integers(0, 7),
        "gas_price": round(3 + chance.random(), 3), "traffic_index": 1 + 9 * chance.random(), "local_event": 0,
    }  # fmt: skip
    return Reading(site=site, at=at, **(measured | values))


def history(site, starts, days, chance) -> None:
    steps = [start + timedelta(minutes=30) * step for start in starts for step in range(48 * days)]
    Reading.objects.bulk_create(read(site, at, chance) for at in steps)


def by_pandas(zone: str) -> pd.DataFrame:
    frame = pd.DataFrame(Reading.objects.values("site_id", "at", "weather", *MEANS))
    frame["gas_price"] = frame["gas_price"].astype(float)
    local = pd.to_datetime(frame["at"], utc=True).dt.tz_convert(zone)
    groups = frame.groupby(["site_id", local.dt.month.rename("month"), local.dt.hour.rename("hour")])
    means = groups[MEANS].mean()
    means["weather"] = groups["weather"].agg(lambda codes: codes.mode().min())
    return means


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_months_with_history_have_the_means_that_pandas_makes(settings, zone):
    settings.DATA_TIME_ZONE = zone
    chance = np.random.default_rng(1)
    for name in ("S1", "S2"):
        history(a_site(name), [datetime(2025, 3, 5, tzinfo=UTC), datetime(2025, 7, 30, tzinfo=UTC)], 4, chance)
    Climatology.objects.rebuild()
    expected = by_pandas(zone)
    found = pd.DataFrame(Climatology.objects.values("site_id", "month", "hour", "weather", *MEANS))
    found = found.set_index(["site_id", "month", "hour"])
    assert len(found) == 2 * 12 * 24
    assert np.allclose(found.loc[expected.index, MEANS], expected[MEANS])
    assert (found.loc[expected.index, "weather"] == expected["weather"]).all()


def test_a_month_without_history_takes_the_nearest_month_around_the_year():
    site, chance = a_site(), np.random.default_rng(2)
    history(site, [datetime(2025, 11, 3, tzinfo=UTC), datetime(2025, 4, 3, tzinfo=UTC)], 2, chance)
    Climatology.objects.rebuild()
    at_noon = {row.month: row.temperature_f for row in Climatology.objects.filter(hour=12)}
    sources = {1: 11, 2: 4, 3: 4, 5: 4, 6: 4, 7: 4, 8: 11, 9: 11, 10: 11, 12: 11}  # January: 2 months off, not 3
    assert all(at_noon[month] == at_noon[source] for month, source in sources.items())
    assert at_noon[4] != at_noon[11]


def test_an_hour_without_history_takes_the_nearest_hour_around_the_clock():
    site, chance = a_site(), np.random.default_rng(3)
    for hour, temperature in ((2, 40), (22, 80)):
        read(site, datetime(2025, 5, 1, hour, tzinfo=UTC), chance, temperature_f=temperature).save()
    Climatology.objects.rebuild()
    in_may = {row.hour: row.temperature_f for row in Climatology.objects.filter(month=5)}
    assert (in_may[0], in_may[1], in_may[11], in_may[13], in_may[23]) == (40, 40, 40, 80, 80)


def test_only_the_sites_asked_for_are_worked_out_again():
    chance = np.random.default_rng(4)
    one, two = a_site("S1"), a_site("S2")
    for site in (one, two):
        read(site, datetime(2025, 5, 1, tzinfo=UTC), chance).save()
    Climatology.objects.rebuild([one.pk])
    assert set(Climatology.objects.values_list("site_id", flat=True)) == {one.pk}
    assert Climatology.objects.rebuild() == 12 * 24
    assert Climatology.objects.rebuild() == 0


def test_local_hours_follow_daylight_saving(settings):
    settings.DATA_TIME_ZONE = "America/New_York"
    site, chance = a_site(), np.random.default_rng(5)
    for month in (1, 7):
        at = datetime(2025, month, 2, 9, tzinfo=ZoneInfo("America/New_York"))
        read(site, at, chance, temperature_f=month).save()
    Climatology.objects.rebuild()
    found = Climatology.objects.filter(hour=9, month__in=(1, 7)).order_by("month")
    assert [row.temperature_f for row in found] == [1, 7]


def test_every_site_gets_a_live_row_at_its_base_price_once():
    site, chance = a_site(), np.random.default_rng(6)
    SiteState.objects.ensure()
    state = SiteState.objects.get()
    assert (state.site, float(state.price), state.ports_available, state.usual_utilization) == (site, 0.4, 4, 0)
    SiteState.objects.update(price="0.7", ports_available=1)
    for minute, utilization in ((0, 0.2), (30, 0.4)):
        read(site, datetime(2025, 5, 1, 0, minute, tzinfo=UTC), chance, utilization=utilization).save()
    SiteState.objects.ensure()
    state = SiteState.objects.get()
    assert (float(state.price), state.ports_available) == (0.7, 1)
    assert state.usual_utilization == pytest.approx(0.3)
