"""The physics of the simulated world against the figures of the reference; and its random streams."""

import numpy as np
import pytest

from telemetry.simulation import thermal
from telemetry.simulation.parameters import Heat
from telemetry.simulation.streams import Streams

HEAT = Heat()


@pytest.mark.parametrize(
    ("ambient_c", "share"),
    [
        *((20, 1.0), (35, 1.0), (36, 0.90), (40, 0.90), (41, 0.85), (45, 0.85)),
        *((46, 0.75), (50, 0.75), (51, 0.65), (55, 0.65), (56, 0.0)),
    ],
)
def test_power_is_derated_as_the_manual_of_the_terra_94_says(ambient_c, share):
    assert thermal.ambient_derating(np.array([ambient_c]))[0] == share


def test_a_power_module_is_full_to_55_degrees_half_at_75_and_off_above():
    assert thermal.module_derating(np.array([20, 55, 65, 75, 76])).tolist() == [1, 1, 0.75, 0.5, 0]


def test_a_connector_is_derated_from_80_degrees_and_stopped_at_90():
    assert thermal.connector_derating(np.array([25, 80, 85, 90, 99])).tolist() == [1, 1, 0.5, 0, 0]


def test_a_cabinet_goes_63_percent_of_the_way_in_a_time_constant_and_settles():
    after = thermal.approach(20.0, 65.0, np.array([0, 1.2, 12]), 1.2)
    assert after == pytest.approx([20, 20 + 45 * (1 - np.exp(-1)), 65], abs=0.01)
    halves = 20.0
    for _ in range(4):
        halves = thermal.approach(halves, 65.0, 0.5, 1.2)
    assert halves == pytest.approx(thermal.approach(20.0, 65.0, 2.0, 1.2))


def test_a_site_held_at_98_percent_and_105_fahrenheit_settles_at_about_78_degrees():
    assert thermal.settled_c(np.array([(105 - 32) / 1.8]), 0.98, 0.0, HEAT.rise_k)[0] == pytest.approx(78, abs=0.2)


def test_a_contact_loses_4_watts_at_200_amperes_25_at_500_and_three_times_that_when_worn():
    new = thermal.contact_milliohm(np.array([0.0]), HEAT)
    worn = thermal.contact_milliohm(np.array([HEAT.contact_cycles]), HEAT)
    assert thermal.contact_watts(np.array([200.0, 500.0]), new).round(6).tolist() == [4, 25]
    assert (thermal.contact_watts(500.0, worn) / thermal.contact_watts(500.0, new))[0] == pytest.approx(3)


def test_a_connector_warms_by_63_percent_in_ten_minutes():
    settled = thermal.connector_c(25.0, 350.0, 0.3, 1e6, HEAT)
    assert settled == pytest.approx(80, abs=0.2)
    assert thermal.connector_c(25.0, 350.0, 0.3, 10.0, HEAT) == pytest.approx(25 + (settled - 25) * (1 - np.exp(-1)))


@pytest.mark.parametrize(("energy_ev", "lowest", "highest"), [(0.3, 1.38, 1.45), (0.7, 2.15, 2.41)])
def test_ten_kelvin_more_accelerate_as_arrhenius_says(energy_ev, lowest, highest):
    for reference in (38.0, 42.0, 46.0):
        assert lowest < thermal.arrhenius(reference + 10, reference, energy_ev) < highest


def test_a_swing_of_60_kelvin_instead_of_40_wears_four_times_as_fast():
    assert thermal.cycle_factor(60.0, 40.0, 3.5) == pytest.approx(4.13, abs=0.01)


def test_fouling_grows_with_load_and_heat_and_not_without_load():
    growth = thermal.fouling_growth(np.array([0, 0.5, 1, 1]), np.array([40.0, 40, 40, 60]), 1.0, HEAT)
    assert growth[0] == 0
    assert growth[2] == 2 * growth[1]
    assert growth[3] / growth[2] == pytest.approx(np.exp(0.6))


def test_streams_are_apart_and_the_first_rows_of_more_are_those_of_fewer():
    streams = Streams(5)
    few, many = (streams.uniform("demand", "arrival", 20_000, rows, 48) for rows in (3, 9))
    assert (many[:3] == few).all()
    for other in (
        Streams(6).uniform("demand", "arrival", 20_000, 3, 48),
        streams.uniform("failures", "arrival", 20_000, 3, 48),
        streams.uniform("demand", "patience", 20_000, 3, 48),
        streams.uniform("demand", "arrival", 20_001, 3, 48),
    ):
        assert not (other == few).any()
    with pytest.raises(ValueError, match="weather of tomorrow"):
        streams.uniform("weather of tomorrow", "rain", 1, 1)


def test_normal_numbers_are_standard_normal():
    numbers = Streams(1).normal("failures", "signal", 1, 200_000)
    assert numbers.mean() == pytest.approx(0, abs=0.01)
    assert numbers.std() == pytest.approx(1, abs=0.01)
