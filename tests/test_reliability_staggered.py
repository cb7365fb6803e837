"""A roll-out that reached sites on different days, with effects that grow: what dummies get wrong is found."""

import numpy as np
import pandas as pd
import pytest

from telemetry.reliability.answers import CannotAnswer
from telemetry.reliability.rollout import difference_in_differences
from telemetry.reliability.staggered import staggered_differences

DAYS = pd.date_range("2026-01-01", periods=90, tz="UTC")
ADOPTED = {**dict.fromkeys(range(15), DAYS[20]), **dict.fromkeys(range(15, 30), DAYS[55])}


def rolled_out(growth: float, seed: int = 0, sites: int = 45) -> tuple[pd.DataFrame, float]:
    """A panel whose sites get worse by `growth` for every day since they changed; and the mean effect that is in it."""
    random = np.random.default_rng(seed)
    site, day = np.divmod(np.arange(sites * 90), 90)
    since = np.array([DAYS.get_loc(ADOPTED[one]) if one in ADOPTED else 999 for one in range(sites)])[site]
    effect = growth * np.maximum(day - since + 1, 0)
    rate = 0.05 + random.normal(0, 0.02, sites)[site] + random.normal(0, 0.01, 90)[day] + effect
    rate += random.normal(0, 0.01, len(site))
    panel = pd.DataFrame({"site_id": site, "day": DAYS[day], "fault_rate": rate, "weight": 100.0})
    return panel, float(effect[day >= since].mean())


def test_an_effect_that_grows_is_found_with_its_interval():
    panel, truth = rolled_out(0.001)
    found = staggered_differences(panel, ADOPTED)
    assert found.effect == pytest.approx(truth, rel=0.1)
    assert found.ci_low < truth < found.ci_high
    assert found.treated_sites == 30
    assert found.cohorts["sites"].tolist() == [15, 15]
    assert found.cohorts["effect"][0] > found.cohorts["effect"][1]


def test_intervals_hold_the_truth_and_nothing_is_found_where_nothing_is():
    hits = 0
    for seed in range(40):
        panel, _ = rolled_out(0.0, seed)
        found = staggered_differences(panel, ADOPTED, draws=200)
        hits += found.ci_low <= 0 <= found.ci_high
    assert hits >= 35


def test_with_one_day_for_all_it_agrees_with_the_two_way_effects():
    panel, _ = rolled_out(0.0)
    panel.loc[(panel["site_id"] < 20) & (panel["day"] >= DAYS[45]), "fault_rate"] -= 0.03
    both = staggered_differences(panel, dict.fromkeys(range(20), DAYS[45]))
    assert both.effect == pytest.approx(difference_in_differences(panel, range(20), DAYS[45]).effect, rel=1e-6)


def test_days_that_are_missing_and_late_sites_do_no_harm():
    panel, truth = rolled_out(0.001)
    part = panel.sample(frac=0.8, random_state=1)
    part = part[(part["site_id"] != 44) | (part["day"] > DAYS[80])]
    assert staggered_differences(part, ADOPTED).effect == pytest.approx(truth, rel=0.15)


def test_without_anything_to_compare_it_says_so():
    panel, _ = rolled_out(0.0)
    for adopted in ({}, dict.fromkeys(range(45), DAYS[0]), dict.fromkeys(range(45), DAYS[40])):
        with pytest.raises(CannotAnswer, match="others to be compared with"):
            staggered_differences(panel, adopted)
