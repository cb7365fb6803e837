"""The forecast of whole sites, of which nothing but the 33 columns of their readings is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.management.commands.evaluate_risk import lived_by_readings, rows_with_oracle
from telemetry.risk.forecast import fit
from telemetry.risk.measures import average_precision, site_weights
from telemetry.risk.observed import FAULT, PLANNED, UP, Log, Observed
from telemetry.risk.report import gain
from telemetry.risk.rows import site_rows, split
from telemetry.risk.signal_audit import audit
from telemetry.risk.site_features import READING, SITE_FEATURES, SITE_WORDS, SiteFeatureMaker, observed_sites
from telemetry.risk.target import Target

HOUR = 3600


def sites(rows, count: int = 1) -> Observed:
    """Sites of a few readings, given as (site, second, state, load); what is not given is the same for all."""
    owner, second, state, load = (np.array(column) for column in zip(*rows, strict=True)) if rows else [np.zeros(0)] * 4
    columns = {name: np.ones(len(owner)) for name in READING}
    columns |= {"state": state.astype(int), "load": load.astype(float), "ambient_c": 20 + 20 * load.astype(float)}
    columns |= {"ports": np.full(len(owner), 4), "ports_out": (state == FAULT).astype(int)}
    return observed_sites(np.zeros(count, int), np.full(count, 150.0), Log.sorted(owner, second, **columns))


load = st.integers(0, 64).map(lambda part: part / 64)  # whose sums are exact in any order
readings = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 300 * HOUR), st.sampled_from([UP, FAULT, PLANNED]), load),
    max_size=60,
    unique_by=lambda row: row[:2],
)


@settings(max_examples=60)
@given(readings, st.integers(0, 300 * HOUR))
def test_what_is_read_after_a_moment_changes_no_feature_of_it(rows, second):
    now = SiteFeatureMaker(sites(rows, 3)).at(second)
    assert np.array_equal(now, SiteFeatureMaker(sites([row for row in rows if row[1] <= second], 3)).at(second))
    assert np.array_equal(now, SiteFeatureMaker(sites(rows, 3).until(second)).at(second))
    assert np.isfinite(now).all()


def test_site_features_are_what_they_say():
    known = sites([(0, 0, UP, 0.2), (0, 10 * HOUR, FAULT, 1.0), (0, 12 * HOUR, UP, 0.6), (0, 20 * HOUR, UP, 0.4)])
    row = dict(zip(SITE_FEATURES, SiteFeatureMaker(known).at(21 * HOUR)[0].tolist(), strict=True))
    assert (row["outages_6h"], row["outages_24h"], row["hours_down_24h"]) == (0, 1, 2)
    assert (row["hours_since_outage"], row["hours_since_repair"]) == (11, 9)
    assert row["load"] == pytest.approx(0.4)
    assert row["load_24h"] == pytest.approx(0.55)
    assert (row["full_24h"], row["hot_24h"], row["ports_out_24h"]) == (0.25, 0.25, 0.25)
    assert (row["hour"], row["weekday"], row["ports"]) == (21, 3, 4)
    assert set(SITE_WORDS) <= set(SITE_FEATURES)
    assert all(words.format(0.0) for words in SITE_WORDS.values())


def test_an_outage_of_a_site_begins_when_its_readings_first_say_that_a_port_is_broken():
    half_hours = [(0, 1800 * number, FAULT if 40 <= number < 44 else UP, 0.5) for number in range(200)]
    known = sites(half_hours)
    assert known.outages().second.tolist() == [20 * HOUR]
    target, maker = Target(known), SiteFeatureMaker(known)
    for hour, expected in ((17, (True, True)), (15, (False, True)), (21, (False, False)), (98, (False, False))):
        y, sure = target.at(maker.states(hour * HOUR), hour * HOUR, 4)
        assert (bool(y[0]), bool(sure[0])) == expected, hour


def test_sites_are_forecast_better_than_by_persistence_and_no_better_than_by_the_truth():
    known, oracle = lived_by_readings("typical", 40, 45, 7, 24, lambda *_: None)
    rows, risk = rows_with_oracle(known, oracle, 24, site_rows)
    cut = split(rows.second, 24)
    test, asked = rows.where(cut.test), np.isfinite(risk[cut.test])
    main, persistence = (fit(name, rows, cut, 24) for name in ("random_forest", "persistence"))
    assert main.features == SITE_FEATURES
    weights = site_weights(test.site)
    assert gain(main.raw(test.features), persistence.raw(test.features), test.y, weights)["interval"][0] > 0
    own, best = (average_precision(score, test.y[asked])
                 for score in (main.raw(test.features)[asked], risk[cut.test][asked]))  # fmt: skip
    assert 0.5 * best < own < best


def test_where_luck_decides_there_is_no_signal_in_readings():
    rng = np.random.default_rng(3)
    rows = [
        (site, 1800 * number, state, 0.5)
        for site in range(12)
        for number, state in enumerate(np.where(rng.random(48 * 50) < 0.004, FAULT, UP))
    ]
    found = audit(site_rows(sites(rows, 12), 24), 24)
    assert not found["has_signal"]
    assert found["auc"]["interval"][0] <= 0.5


def test_too_short_a_history_of_readings_is_refused_with_what_it_needs():
    with pytest.raises(ValueError, match="14 days and 24 hours are needed"):
        site_rows(sites([(0, 0, UP, 0.2), (0, HOUR, UP, 0.2)]), 24)


def test_rows_know_whose_they_are():
    whole = site_rows(sites([(0, 1800 * number, UP, 0.5) for number in range(48 * 20)]), 24)
    assert whole.where(whole.y).level == "site"
    assert replace(whole, level="charger").names != SITE_FEATURES
