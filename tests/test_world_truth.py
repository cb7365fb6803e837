"""Truth can be found again: what is fitted to the world's data agrees with the numbers it was made with.

RECOVERY_SEEDS says in how many worlds (20; `make deep` takes 200).
"""

import os
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from telemetry.reliability.load import load_hazard
from telemetry.simulation import causes
from telemetry.simulation.causes import CAUSES
from telemetry.simulation.network import network
from telemetry.simulation.parameters import SCENARIOS
from telemetry.simulation.reports import opening_reports
from telemetry.simulation.world import World
from telemetry.simulation_truth import oracle_risk

from . import reliability_truth

SEEDS = int(os.environ.get("RECOVERY_SEEDS", "20"))
ORACLE_SEEDS = max(SEEDS // 4, 5)
SITES, LEAD_DAYS, DAYS, DAY = 40, 4, 30, 20_270


@dataclass
class Lived:
    """A world's month: what could be seen of each charger before each half-hour, shape (steps, n), and its outages."""

    world: World
    at_risk: np.ndarray
    signal: np.ndarray
    is_shocked: np.ndarray
    soft_events: np.ndarray
    load: np.ndarray
    cabinet_c: np.ndarray
    onset: np.ndarray  # index of the cause, -1 for none
    oracle: dict[int, np.ndarray]  # by step
    opening: dict[str, np.ndarray]  # what chargers said when it began, columns as in journal.REPORT
    happened: dict[str, dict]  # what the journal holds
    expected: np.ndarray  # onsets in each half-hour, of all chargers that were up
    up_hours: np.ndarray
    begin: int
    days: int = 30


def lived(seed: int, scenario: str, oracle_every_days: int = 0) -> Lived:
    """A month of a world, after some days in which it finds its way."""
    world = World(network(SITES, seed), DAY, seed, SCENARIOS[scenario])
    for _ in range(LEAD_DAYS * 48):
        world.advance()
    world.journal.take()
    rows, oracle, begin, opening, expected = [], {}, world.step, opening_reports(world), []
    for step in range(DAYS * 48):
        if oracle_every_days and step % (48 * oracle_every_days) == 0:
            oracle[step] = oracle_risk(world, 24, rollouts=2)
        state = world.state
        events = world.soft_events().sum(0)
        before = (state.is_up, state.signal.astype("f4"), state.load.astype("f4"), state.cabinet_c.astype("f4"), events)
        world.advance()
        rows.append((*before, world.here(step % 48).is_shocked))
        expected.append(-np.expm1(-world.stopping.sum(0) / 2)[before[0]].sum())
    up, signal, load, cabinet_c, events, shocked = (np.array(column) for column in zip(*rows, strict=True))
    happened, onset = world.journal.take(), np.full(up.shape, -1, "i1")
    outages = happened["outages"]
    step = np.floor(outages["start"] / 30).astype(int) - begin + 1
    onset[step[step >= 0], outages["charger"][step >= 0]] = outages["cause"][step >= 0]
    told = opening, happened, np.array(expected), up.sum(1) / 2
    return Lived(world, up, signal, shocked, events, load, cabinet_c, onset, oracle, *told, begin)


def hazard_fit(drivers: list[np.ndarray], exposure: np.ndarray, events: np.ndarray):
    """Coefficients and standard errors of a log-linear hazard with an intercept, seen in steps (complementary log-log).

    Fisher scoring; the frailest chargers fail so often during a shock that a Poisson count would be wrong.
    """
    design = np.column_stack([np.ones(len(events)), *drivers])
    beta = np.zeros(design.shape[1])
    beta[0] = np.log(events.sum() / exposure.sum())
    for _ in range(40):
        rate = exposure * np.exp(design @ beta)
        slope, variance = rate * np.exp(-rate), -np.expm1(-rate) * np.exp(-rate)
        information = design.T @ (design * (slope**2 / variance)[:, None])
        score = design.T @ ((events + np.expm1(-rate)) * slope / variance)
        change = np.linalg.solve(information, score).clip(-1, 1)  # else e^beta may run away
        beta += change
        if np.abs(change).max() < 1e-9:
            break
    return beta, np.sqrt(np.diag(np.linalg.inv(information)))


def standardised_errors(month: Lived) -> list[float]:
    """(fitted - true log hazard ratio) / SE of a bad signal, of DC against Level 2, and of a firmware shock."""
    chargers, effects, up = month.world.chargers, month.world.scenario.effects, month.at_risk
    dc = np.broadcast_to(chargers.kind != 2, up.shape)[up].astype("f8")
    errors = []
    for cause, driver, truth in (
        (causes.COMMS, month.signal[up], effects.signal),
        (causes.FIRMWARE, month.is_shocked[up].astype("f8"), np.log1p(effects.shock)),
    ):
        exposure = 0.5 * np.broadcast_to(chargers.frailty[cause], up.shape)[up]
        beta, error = hazard_fit([driver, dc], exposure, (month.onset[up] == cause).astype("f8"))
        rates = CAUSES[cause].dc_per_year / CAUSES[cause].level_2_per_year
        errors += [(beta[1] - truth) / error[1], (beta[2] - np.log(rates)) / error[2]]
    return errors


def starts_within_a_day(month: Lived, step: int) -> np.ndarray:
    return (month.onset[step : step + 48] >= 0).any(0)


def oracle_table(month: Lived) -> tuple[np.ndarray, np.ndarray]:
    """Whether each charger that works stops within a day, and what the oracle says to that."""
    rows = []
    for step, risk in month.oracle.items():
        known = ~np.isnan(risk)
        rows.append((starts_within_a_day(month, step)[known], risk[known]))
    return tuple(np.concatenate(column) for column in zip(*rows, strict=True))


def daily_table(month: Lived) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features and label of each charger that works at noon, and the day: what a forecaster could know by then."""
    rows = []
    for step in range(3 * 48, (DAYS - 1) * 48, 48):
        past = slice(step - 72, step)
        features = np.column_stack([
            (month.onset[:step] >= 0).sum(0), (month.onset[past] >= 0).sum(0), month.soft_events[past].sum(0),
            month.load[past].mean(0), month.cabinet_c[past].max(0), month.world.chargers.kind == 2,
            month.world.chargers.power_kw, ~month.at_risk[past].all(0),
        ])  # fmt: skip
        up = month.at_risk[step]
        rows.append((features[up], starts_within_a_day(month, step)[up], np.full(up.sum(), step)))
    return tuple(np.concatenate(column) for column in zip(*rows, strict=True))


@dataclass
class Month:
    """What is kept of a world."""

    errors: list[float]
    oracle: tuple[np.ndarray, np.ndarray] | None
    table: tuple[np.ndarray, np.ndarray, np.ndarray]
    reliability: reliability_truth.Measured


@pytest.fixture(scope="module")
def typical() -> list[Month]:
    months = []
    for seed in range(SEEDS):
        month = lived(seed, "typical", oracle_every_days=6 if seed < ORACLE_SEEDS else 0)
        oracle = oracle_table(month) if month.oracle else None
        measured = reliability_truth.measured(month)
        months.append(Month(standardised_errors(month), oracle, daily_table(month), measured))
    return months


def test_fitted_log_hazard_ratios_are_within_two_standard_errors_of_the_truth(typical):
    errors = np.array([month.errors for month in typical])
    assert np.isfinite(errors).all()
    assert (np.abs(errors) <= 2).mean() >= 0.9
    assert np.abs(errors.mean(0)).max() < 4 / np.sqrt(SEEDS)  # no coefficient leans to one side


def test_the_oracle_ranks_the_outages_of_the_next_day_and_means_what_it_says(typical):
    tables = [month.oracle for month in typical if month.oracle]
    label, risk = (np.concatenate(column) for column in zip(*tables, strict=True))
    assert label.sum() > 20 * ORACLE_SEEDS
    assert roc_auc_score(label, risk) >= 0.80
    assert label.mean() == pytest.approx(risk.mean(), rel=0.15)
    high = risk > np.median(risk[label])
    assert label[high].mean() == pytest.approx(risk[high].mean(), rel=0.15)


def test_intervals_of_the_reliability_statistics_contain_the_truth_as_often_as_they_say(typical):
    found = reliability_truth.coverage([month.reliability for month in typical])
    assert 0.90 <= np.mean(list(found.values())) <= 0.98, found
    if SEEDS >= 200:
        assert all(0.90 <= share <= 0.98 for share in found.values()), found


def test_time_between_failures_is_right_where_the_usual_ways_are_threefold_off(typical):
    months = [month.reliability for month in typical]
    for month in months:
        assert month.mtbf == pytest.approx(month.true_mtbf, rel=0.05)
        assert month.mtbf_start_to_start < month.true_mtbf / 3
        assert month.mtbf_by_polls < month.true_mtbf / 3


def test_chargers_that_were_busy_fail_more_often_in_the_next_hour(typical):
    found = load_hazard(pd.concat([month.reliability.panel for month in typical]), categories=("kind",))
    assert found.ci_low > 1, found
    assert found.n_clusters > 200 * SEEDS


def forecast_auc(tables: list[tuple]) -> tuple[float, int]:
    """AUC on the last days of all worlds of a logistic regression fitted to their first days, and its positives."""
    features, label, step = (np.concatenate(column) for column in zip(*tables, strict=True))
    train = step < np.median(step)
    spread = features[train].std(0) + 1e-9
    model = LogisticRegression(max_iter=500).fit(features[train] / spread, label[train])
    return roc_auc_score(label[~train], model.decision_function(features[~train] / spread)), int(label[~train].sum())


def test_where_nothing_has_an_effect_nobody_can_forecast():
    auc, positives = forecast_auc([daily_table(lived(seed, "null")) for seed in range(max(SEEDS // 3, 6))])
    assert positives >= 500
    assert 0.47 <= auc <= 0.53


def test_where_effects_are_real_a_plain_forecaster_finds_some_of_them(typical):
    auc, positives = forecast_auc([month.table for month in typical])
    assert positives >= 300
    assert auc > 0.65
