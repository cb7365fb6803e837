"""What cannot be answered is said in a sentence; the least that can be answered is."""

import numpy as np
import pandas as pd
import pytest

from telemetry.reliability import (
    alerts,
    associations,
    capacity,
    charge_attempts,
    control_charts,
    hotspots,
    impact,
    load,
    proportions,
    rates,
    rollout,
    seasonality,
    uplift,
    uptime,
)
from telemetry.reliability.answers import CannotAnswer
from telemetry.reliability.rollout import difference_in_differences
from telemetry.reliability.spells import outage_spells

DAY = pd.Timestamp("2026-03-01", tz="UTC")
WINDOW = (DAY, DAY + pd.Timedelta(days=10))
HALVES = (DAY, DAY + pd.Timedelta(days=5)), (DAY + pd.Timedelta(days=5), DAY + pd.Timedelta(days=10))


def network(kind: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Spells and chargers of a network that is empty, one charger, all down, or never down."""
    count = {"empty": 0, "one charger": 1, "all down": 5, "never down": 5}[kind]
    rows = [(charger, DAY - pd.Timedelta(days=1), "AVAILABLE") for charger in range(count)]
    if kind == "all down":
        rows = [(charger, DAY - pd.Timedelta(days=1), "FAULTED") for charger in range(count)]
    if kind == "one charger":
        rows += [(0, DAY + pd.Timedelta(days=2), "FAULTED"), (0, DAY + pd.Timedelta(days=3), "AVAILABLE")]
    status = pd.DataFrame(rows, columns=["charger_id", "time", "status"])
    status["time"] = pd.to_datetime(status["time"], utc=True)
    watched = pd.DataFrame({"charger_id": range(count), "site_id": range(count),
                            "since": pd.Series([WINDOW[0]] * count, dtype="datetime64[us, UTC]")})  # fmt: skip
    return outage_spells(status, *WINDOW), watched


def answered(question):
    """The answer, or the sentence that says why there is none: short, and no trace of the machinery."""
    try:
        return question()
    except CannotAnswer as error:
        sentence = str(error)
    assert 20 < len(sentence) < 200
    return None


@pytest.mark.parametrize("kind", ["empty", "one charger", "all down", "never down"])
def test_every_question_is_answered_or_refused_in_a_sentence(kind):
    spells, watched = network(kind)
    exposure = answered(lambda: uplift.onsets_and_exposure(spells, watched, *WINDOW))
    onsets, hours = int(exposure["onsets"].sum()), float(exposure["up_hours"].sum())
    use = pd.DataFrame({"charger_id": [], "start": spells["start"][:0], "end": spells["end"][:0]})
    found = {
        "mtbf": answered(lambda: rates.mtbf(hours, onsets)),
        "mttr": answered(lambda: rates.mttr(spells)),
        "uplift": answered(lambda: uplift.before_after(spells, watched, *HALVES)),
        "groups": answered(lambda: uplift.ab_test(spells, watched, WINDOW, [0, 1])),
        "hotspots": answered(lambda: hotspots.hotspots(exposure.rename(columns={"up_hours": "exposure_hours"}))),
        "load": answered(lambda: load.load_hazard(load.hourly_panel(spells, use, watched, *WINDOW))),
        "forecast": answered(lambda: seasonality.forecast_daily(spells.groupby(spells["start"].dt.floor("D")).size())),
        "score": answered(lambda: alerts.recent_outages_score(spells, watched, [HALVES[1][0]])),
        "uptime": answered(lambda: uptime.period_uptime(
            spells.rename(columns={"charger_id": "port_id"}).assign(reason="", evidence=""),
            watched.rename(columns={"charger_id": "port_id"}), *WINDOW)),
    }  # fmt: skip
    expected = {
        "empty": {"hotspots", "score", "uptime"},
        "one charger": {"mtbf", "mttr", "hotspots", "score", "uptime"},
        "all down": {"hotspots", "score", "uptime"},
        "never down": {"mtbf", "uplift", "groups", "hotspots", "score", "uptime"},
    }[kind]
    assert {name for name, answer in found.items() if answer is not None} == expected
    if kind == "all down":
        assert (found["uptime"]["percent"] == 0).all()
    if kind == "never down":
        assert (found["uptime"]["percent"] == 100).all()
        assert found["mtbf"].estimate == np.inf
        assert found["uplift"].p_value == 1


EMPTY = pd.DataFrame({"charger_id": [], "stratum": [], "energy_kwh": [], "success": []})


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (lambda: proportions.proportion_interval(1, 0), "no attempts"),
        (lambda: proportions.proportion_interval(3, 2), "cannot be a count among"),
        (lambda: proportions.proportion_interval(1, 2, "wald"), "method must be one of"),
        (lambda: proportions.fisher_exact([[1, 2, 3]]), "two rows and two columns"),
        (lambda: rates.mtbf(0, 0), "no time between failures"),
        (lambda: rates.mtbf(10, -1), "failures must be a number of at least 0"),
        (lambda: rates.mtbf(10, 1, confidence=95), "confidence must lie between 0 and 1"),
        (lambda: rates.kaplan_meier([], []), "no durations"),
        (lambda: rates.kaplan_meier([1, 2], [True]), "2 durations but 1 marks"),
        (lambda: rates.kaplan_meier([-1], [True]), "at least 0"),
        (lambda: rates.fit_weibull([3, 3, 3], [1, 1, 1]), "at least two different durations"),
        (lambda: rates.fit_weibull([3, 4], [0, 0]), "at least two different durations"),
        (lambda: rates.poisson_rate_model(pd.DataFrame({"n": [0, 0], "x": [0, 1]}), "n ~ x", [1, 1]), "no events"),
        (lambda: rates.poisson_rate_model(pd.DataFrame({"n": [1, 2], "x": [0, 1]}), "n ~ x", [1, 0]), "above 0"),
        (lambda: associations.fit_logit([1, 1], [[1], [1]]), "never varies"),
        (lambda: associations.fit_logit([], np.zeros((0, 2))), "no outcomes"),
        (lambda: associations.fit_logit([0, 1, 1], np.ones((3, 2))), "says the same as others"),
        (lambda: associations.fit_logit([0, 1, 2], np.ones((3, 1))), "must be 0 or 1"),
        (lambda: hotspots.benjamini_hochberg([0.5, 2]), "between 0 and 1"),
        (lambda: control_charts.p_chart([], 5), "needs samples"),
        (lambda: control_charts.p_chart([6], 5), "count of at most its size"),
        (lambda: control_charts.cusum([], 0, 1, 1), "needs values"),
        (lambda: control_charts.cusum([1], 0, 1, 0), "h above 0"),
        (lambda: capacity.erlang_c(1, 1, 0), "at least one charger"),
        (lambda: capacity.erlang_c(1, 0, 1), "service rate must be above 0"),
        (lambda: capacity.erlang_b(1, 1.5), "whole number"),
        (lambda: impact.cluster_bootstrap(EMPTY, "charger_id", len), "no rows"),
        (lambda: impact.cluster_bootstrap(pd.DataFrame({"a": [1, 1]}), "a", len), "at least two clusters"),
        (lambda: seasonality.fit_sarima([1, 2, 3], (0, 1, 1), (0, 1, 1, 7)), "too few"),
        (lambda: seasonality.fit_sarima([5] * 90, (0, 1, 1), (0, 1, 1, 7)), "never varies"),
        (lambda: seasonality.forecast_daily(pd.Series([1.0] * 20, pd.date_range("2026", periods=20))), "8 weeks"),
        (lambda: seasonality.forecast_daily(pd.Series([1.0] * 90, pd.date_range("2026", periods=90))), "the same"),
        (lambda: uptime.nevi_uptime(10, 20), "no more than the minutes of outage"),
        (lambda: uptime.nevi_uptime(600_000), "longer than"),
        (lambda: charge_attempts.session_success(pd.DataFrame()), "nobody tried to charge"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(question, sentence):
    with pytest.raises(CannotAnswer, match=sentence):
        question()


def test_a_queue_that_cannot_keep_up_has_no_end():
    full = capacity.erlang_c(10, 1, 10)
    assert (full.p0, full.p_wait, full.lq, full.wq) == (0, 1, np.inf, np.inf)
    assert capacity.erlang_c(0, 1, 3).p_wait == 0
    assert capacity.erlang_b(4, 0) == 1


def test_a_roll_out_needs_both_groups_on_both_sides():
    panel = pd.DataFrame({"site_id": [1, 1, 2, 2], "day": ["2026-01-01", "2026-01-09"] * 2, "fault_rate": 0.1})
    for treated, date, sentence in (
        ([], "2026-01-05", "no treated sites"),
        ([1, 2], "2026-01-05", "no other sites"),
        ([1], "2027-01-05", "one side of the change"),
    ):
        with pytest.raises(CannotAnswer, match=sentence):
            rollout.difference_in_differences(panel, treated, date)


def test_groups_that_cannot_differ_say_so_without_a_division_by_nothing():
    assert proportions.two_proportion_test(0, 5, 0, 7).p_value == 1
    assert proportions.two_proportion_test(5, 5, 7, 7).z == 0
    assert proportions.fisher_exact([[0, 0], [3, 4]]) == 1
    assert rates.logrank([1, 2], [0, 0], [1, 2], [0, 0]).p_value == 1
    assert hotspots.benjamini_hochberg([]).tolist() == []


def test_a_rollout_without_noise_says_that_nothing_else_varies():
    days, sites = pd.date_range("2026-01-01", periods=60), range(30)
    rows = [(site, day, site / 7 + number / 11 - 0.1 * (site < 12 and number >= 40))
            for site in sites for number, day in enumerate(days)]  # fmt: skip
    panel = pd.DataFrame(rows, columns=["site_id", "day", "fault_rate"])
    found = difference_in_differences(panel, list(range(12)), "2026-02-10")
    assert found.effect == pytest.approx(-0.1)
    assert "moved apart" not in found.sentence
    assert "nothing else varies" in found.sentence
