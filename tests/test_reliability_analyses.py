"""The ten analyses on data made by hand or by known rates: windows, load, hotspots, alerts, roll-outs, forecasts."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from telemetry.reliability.alerts import alert_value, choose_threshold, recent_outages_score
from telemetry.reliability.answers import CannotAnswer
from telemetry.reliability.associations import design, fit_logit
from telemetry.reliability.capacity import erlang_c, one_more_charger
from telemetry.reliability.hotspots import gamma_shape, hotspots
from telemetry.reliability.impact import cluster_bootstrap, lost_energy
from telemetry.reliability.load import covered, fit_cloglog, hourly_panel, load_hazard
from telemetry.reliability.rates import mttr, poisson_rate_model
from telemetry.reliability.rollout import difference_in_differences
from telemetry.reliability.seasonality import forecast_daily
from telemetry.reliability.uplift import ab_test, before_after, onsets_and_exposure, rate_ratio

START = pd.Timestamp("2026-01-01", tz="UTC")
HOUR = pd.Timedelta(hours=1)


def spells_of(*rows: tuple) -> pd.DataFrame:
    """Spells (charger, from hour, to hour), none censored."""
    frame = pd.DataFrame(rows, columns=["charger_id", "start", "end"])
    for name in ("start", "end"):
        frame[name] = START + frame[name].astype(float) * HOUR
    hours = (frame["end"] - frame["start"]) / HOUR
    return frame.assign(left_censored=False, right_censored=False, hours=hours)


def watched(count: int, since: float = -1000) -> pd.DataFrame:
    return pd.DataFrame({"charger_id": range(count), "site_id": np.arange(count) // 4, "since": START + since * HOUR})


def drawn_spells(chargers: int, hours: float, rate: float, seed: int, repair: float = 4.0, frailty: float = 0.0):
    """Outages at a rate per hour up, that may differ between chargers by a gamma of this variance."""
    rng = np.random.default_rng(seed)
    factor = rng.gamma(1 / frailty, frailty, chargers) if frailty else np.ones(chargers)
    rows = []
    for charger in range(chargers):
        at = rng.exponential(1 / (rate * factor[charger]))
        while at < hours:
            end = at + rng.exponential(repair)
            rows.append((charger, at, min(end, hours)))
            at = end + rng.exponential(1 / (rate * factor[charger]))
    return spells_of(*rows)


def window(start: float, end: float) -> tuple:
    return START + start * HOUR, START + end * HOUR


def test_windows_that_overlap_are_refused_and_so_is_too_short_a_wash_out():
    spells = spells_of((0, 1, 2), (1, 30, 31))
    with pytest.raises(CannotAnswer, match="overlap"):
        before_after(spells, watched(2), window(0, 24), window(23, 48))
    with pytest.raises(CannotAnswer, match="overlap"):
        before_after(spells, watched(2), window(24, 48), window(0, 24))
    with pytest.raises(CannotAnswer, match="wash-out"):
        before_after(spells, watched(2), window(0, 24), window(25, 48), washout="2h")


def test_before_and_after_counts_onsets_per_hour_up():
    spells = spells_of((0, 10, 20), (1, 50, 60), (1, 70, 75), (0, 90, 95))
    found = before_after(spells, watched(2), window(0, 48), window(48, 96))
    assert (found.onsets_first, found.onsets_second) == (1, 3)
    assert found.rate_ratio == pytest.approx((3 / 76) / (1 / 86))
    assert found.ci_low < found.rate_ratio < found.ci_high


def test_an_outage_that_began_earlier_is_no_onset_but_takes_exposure():
    spells = spells_of((0, 40, 60))
    found = onsets_and_exposure(spells, watched(1), *window(48, 96))
    assert (found["onsets"][0], found["up_hours"][0]) == (0, 36)


def test_the_ratio_in_closed_form_is_the_clustered_poisson_regression():
    spells = drawn_spells(60, 2000, 0.004, seed=3)
    halves = [onsets_and_exposure(spells, watched(60), *one).assign(post=float(place))
              for place, one in enumerate((window(0, 1000), window(1000, 2000)))]  # fmt: skip
    frame = pd.concat(halves, ignore_index=True)
    fit = poisson_rate_model(frame, "onsets ~ post", "up_hours", cluster="charger_id")
    own = rate_ratio(frame["onsets"], frame["up_hours"], frame["post"], frame["charger_id"])
    assert own.rate_ratio == pytest.approx(fit.rate_ratios["post"])
    correction = np.sqrt((len(frame) - 1) / (len(frame) - 2))  # which statsmodels makes for the two coefficients
    width = (np.log(own.ci_high) - np.log(own.ci_low)) * correction
    assert width == pytest.approx(fit.ci.loc["post", "high"] - fit.ci.loc["post", "low"], rel=1e-6)


def test_random_splits_into_a_and_b_are_rejected_one_time_in_twenty():
    spells = drawn_spells(300, 1500, 0.003, seed=1, frailty=1.0)
    frame = onsets_and_exposure(spells, watched(300), *window(0, 1500))
    rng = np.random.default_rng(0)
    p = [rate_ratio(frame["onsets"], frame["up_hours"], rng.permutation(300) < 150, frame["charger_id"]).p_value
         for _ in range(1000)]  # fmt: skip
    assert 0.03 <= np.mean(np.array(p) < 0.05) <= 0.08


def test_with_few_chargers_signs_are_flipped():
    rows = [(charger, 60 + 3 * hour, 61 + 3 * hour) for charger in range(8) for hour in range(5)]
    rows += [(charger, 5, 6) for charger in range(8)]
    found = before_after(spells_of(*rows), watched(8), window(0, 48), window(48, 96))
    assert found.p_value == pytest.approx(2 / 2**8)
    assert "flipping signs" in found.method


def test_a_side_without_onsets_is_judged_exactly():
    spells = spells_of(*((0, hour, hour + 1) for hour in range(2, 30, 3)))
    found = ab_test(spells, watched(2), window(0, 96), group_b=[1])
    assert found.rate_ratio == 0
    assert 0 < found.ci_high < 1
    assert "binomial" in found.method


def test_repairs_that_still_go_on_count_as_at_least_so_long():
    spells = spells_of((0, 0, 2), (1, 0, 4), (2, 0, 50)).assign(right_censored=[False, False, True])
    found = mttr(spells)
    assert (found.median, found.completed_only_mean, found.still_open) == (4, 3, 1)
    assert found.restricted_mean == pytest.approx(2 + 2 * 2 / 3 + 46 / 3)
    alone = mttr(spells, cluster=np.zeros(3))
    assert alone.ci_high > alone.ci_low + 1
    assert np.isnan(mttr(spells.iloc[:1]).ci_low)
    only = mttr(spells.assign(left_censored=[False, True, False]))
    assert only.left_out == 1


def test_hours_are_covered_by_intervals_to_the_minute():
    found = covered(np.array([0, 0, 1]), [0.5, 2.25, -3], [1.75, 2.5, np.nan], (2, 4))
    assert found == pytest.approx(np.array([[0.5, 0.75, 0.25, 0], [1, 1, 1, 1]]))


def test_the_panel_has_hours_of_chargers_that_were_up_before_them():
    spells = spells_of((0, 3.5, 5.5))
    use = pd.DataFrame({"charger_id": [0, 0], "start": START + 1 * HOUR, "end": START + np.array([1.5, 3.5]) * HOUR})
    panel = hourly_panel(spells, use.iloc[1:], watched(1, since=0), *window(0, 9))
    hours = ((panel["hour"] - START) / HOUR).tolist()
    assert hours == [1, 2, 3, 7, 8]  # 4 and 5 are out, 6 follows an hour in which it was
    assert panel["onset"].tolist() == [False, False, True, False, False]
    assert panel["load"].tolist() == pytest.approx([0, 1, 1, 0, 0])
    assert hourly_panel(spells, use.iloc[1:], watched(1, since=0), *window(0, 3))["load"].tolist() == pytest.approx(
        [0, 1]
    )


def test_a_hazard_that_rises_with_load_is_found_and_repeated_hours_do_not_count():
    rng = np.random.default_rng(5)
    busy = rng.random((200, 1000)) < 0.4
    hazard = 0.003 * np.exp(1.1 * np.roll(busy, 1, axis=1))
    onset = rng.random(busy.shape) < 1 - np.exp(-hazard)
    charger, hour = np.nonzero(onset)
    spells = spells_of(*zip(charger, hour + 0.5, hour + 9.5, strict=True))
    owner, at = np.nonzero(busy)
    use = pd.DataFrame({"charger_id": owner, "start": START + at * HOUR, "end": START + (at + 1) * HOUR})
    found = load_hazard(hourly_panel(spells, use, watched(200), *window(0, 1000)))
    assert found.ci_low < np.exp(1.1) < found.ci_high
    assert found.hazard_ratio == pytest.approx(np.exp(1.1), rel=0.25)
    assert found.n_clusters == 200


def test_the_weighted_hazard_model_is_that_of_statsmodels():
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(3000), rng.random(3000)])
    y = (rng.random(3000) < 0.03 * np.exp(X[:, 1])).astype(float)
    family = sm.families.Binomial(sm.families.links.CLogLog())
    clusters = rng.integers(0, 100, 3000)
    known = sm.GLM(y, X, family=family).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    beta, errors = fit_cloglog(y, X, np.ones(3000), clusters)
    assert beta == pytest.approx(known.params, rel=1e-6)
    assert errors == pytest.approx(known.bse, rel=1e-3)
    twice = fit_cloglog(y, X, np.where(y > 0, 2.0, 1.0), clusters)[0]
    repeated = np.repeat(np.arange(3000), np.where(y > 0, 2, 1))
    assert twice == pytest.approx(sm.GLM(y[repeated], X[repeated], family=family).fit().params, rel=1e-6)


def test_three_hotspots_among_two_hundred_are_flagged_and_hardly_any_other():
    rng = np.random.default_rng(2)
    hours = rng.uniform(200, 2000, 200)
    onsets = rng.poisson(0.004 * hours)
    onsets[:3] = rng.poisson(0.03 * 1500, 3)
    hours[:3] = 1500
    frame = pd.DataFrame({"charger_id": range(200), "onsets": onsets, "exposure_hours": hours, "stratum": "DC"})
    found = hotspots(frame)
    assert found["flagged"][:3].all()
    assert found["flagged"][3:].sum() <= 1
    assert found["expected"].sum() == pytest.approx(onsets.sum())
    rate, raw = found["empirical_bayes_rate"], onsets / hours
    common = onsets.sum() / hours.sum()
    assert (np.abs(rate - common) <= np.abs(raw - common) + 1e-12).all()


def test_strata_are_compared_with_themselves():
    frame = pd.DataFrame({
        "charger_id": range(40), "onsets": [2] * 20 + [20] * 20, "exposure_hours": 1000.0,
        "stratum": ["Level 2"] * 20 + ["Hyper-Fast"] * 20,
    })  # fmt: skip
    assert not hotspots(frame)["flagged"].any()
    assert hotspots(frame.assign(stratum="all"))["flagged"].sum() == 20


def test_the_gamma_of_differing_chargers_is_found_again():
    rng = np.random.default_rng(0)
    expected = rng.uniform(2, 20, 3000)
    assert gamma_shape(rng.poisson(expected * rng.gamma(2, 0.5, 3000)), expected) == pytest.approx(2, rel=0.15)


def test_the_interval_of_a_loss_does_not_depend_on_the_unit():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"charger_id": np.repeat(range(40), 5), "kwh": rng.gamma(2, 20, 200)})
    total = cluster_bootstrap(frame, "charger_id", lambda rows: rows["kwh"].sum())
    other = cluster_bootstrap(frame.assign(kwh=frame["kwh"] / 1000), "charger_id", lambda rows: rows["kwh"].sum())
    for name in ("estimate", "ci_low", "ci_high", "standard_error"):
        assert getattr(total, name) == pytest.approx(1000 * getattr(other, name))


def test_what_failed_sessions_and_outages_cost():
    sessions = pd.DataFrame({
        "charger_id": [0, 0, 1, 1, 1], "stratum": ["DC", "DC", "DC", "L2", "L2"], "energy_kwh": [30, 40, 5, 8, 0],
        "success": [True, True, False, True, False],
    })  # fmt: skip
    out = pd.DataFrame({"charger_id": [0, 1], "hours": [10.0, 2.0], "kwh_per_hour": [3.0, 1.0]})
    found = lost_energy(sessions, out, margin_per_kwh=0.2, recapture=0.0)
    assert found.failed_kwh == pytest.approx((35 - 5) + (8 - 0))
    assert found.outage_kwh == pytest.approx(32)
    assert found.energy_kwh.estimate == pytest.approx(70)
    assert found.margin.estimate == pytest.approx(14)
    half = lost_energy(sessions, out, margin_per_kwh=0.2, recapture=0.5)
    assert half.energy_kwh.estimate == pytest.approx(35)


def test_one_more_charger_saves_waiting_unless_demand_follows_it():
    sites = pd.DataFrame({"site_id": ["a", "b"], "arrivals_per_hour": [6.0, 0.0], "session_hours": 0.5,
                          "chargers": 4, "availability": [0.95, 1.0]})  # fmt: skip
    found = one_more_charger(sites).set_index(["site_id", "elasticity"])
    saved = found["minutes_saved"]["a"]
    assert (np.diff(saved) < 0).all()
    assert saved[0.0] > 0
    assert (found.loc["b", "minutes_saved"] == 0).all()
    full = one_more_charger(sites.assign(arrivals_per_hour=20.0)).iloc[0]
    assert (full["p_wait"], full["wait_minutes"]) == (1, np.inf)
    assert np.isnan(full["minutes_saved"])


def test_between_whole_numbers_of_chargers_waits_lie_between_theirs():
    def waits(availability: float) -> float:
        sites = pd.DataFrame({"site_id": ["a"], "arrivals_per_hour": [6.0], "session_hours": 0.5, "chargers": 5,
                              "availability": [availability]})  # fmt: skip
        return one_more_charger(sites, (0.0,))["wait_minutes"][0]

    assert waits(1.0) == pytest.approx(60 * erlang_c(6, 2, 5).wq)
    assert waits(0.8) == pytest.approx(60 * erlang_c(6, 2, 4).wq)
    assert waits(1.0) < waits(0.95) < waits(0.9) < waits(0.8)


def test_alerts_are_counted_by_alert_and_outages_by_outage():
    times = START + np.arange(0, 96, 1) * HOUR
    scores = pd.DataFrame({"charger_id": np.repeat([0, 1], 96), "time": np.tile(times, 2), "score": 0.0})
    scores.loc[(scores["charger_id"] == 0) & scores["time"].between(START + 10 * HOUR, START + 14 * HOUR), "score"] = 1
    scores.loc[(scores["charger_id"] == 1) & (scores["time"] == START + 50 * HOUR), "score"] = 1
    onsets = pd.DataFrame({"charger_id": [0, 1], "start": START + np.array([20.0, 80.0]) * HOUR})
    found = alert_value(scores, onsets, 0.5, horizon_hours=24)
    assert (found.alerts, found.right_alerts, found.outages, found.found_outages) == (2, 1, 2, 1)
    assert (found.precision, found.recall, found.median_lead_hours) == (0.5, 0.5, 10)
    assert found.alerts_per_day_per_100 == pytest.approx(100 * 2 / (95 / 24 * 2))
    late = alert_value(scores, onsets, 0.5, horizon_hours=24, gap_hours=12)
    assert late.found_outages == 0


def test_a_score_of_the_past_does_not_change_when_the_future_is_deleted():
    spells = drawn_spells(20, 400, 0.01, seed=7)
    times = START + np.array([100, 150, 200]) * HOUR
    whole = recent_outages_score(spells, watched(20), times)
    known = spells[spells["start"] <= times[-1]]
    assert whole.equals(recent_outages_score(known, watched(20), times))


def test_shuffled_onsets_make_precision_no_better_than_prevalence():
    rng = np.random.default_rng(4)
    times = START + np.arange(0, 1000, 24) * HOUR
    scores = pd.DataFrame({"charger_id": np.tile(range(150), len(times)), "time": np.repeat(times, 150)})
    scores["score"] = rng.random(len(scores))
    onsets = pd.DataFrame({"charger_id": rng.integers(0, 150, 900), "start": START + rng.random(900) * 1000 * HOUR})
    everyone = alert_value(scores, onsets, 0.0, cooldown_hours=0)
    some = alert_value(scores, onsets, 0.9, cooldown_hours=0)
    assert some.precision == pytest.approx(everyone.precision, abs=0.06)
    swapped = onsets.assign(charger_id=rng.permutation(150)[onsets["charger_id"]])
    assert alert_value(scores, swapped, 0.9, cooldown_hours=0).precision == pytest.approx(everyone.precision, abs=0.06)


def test_the_threshold_is_chosen_before_and_reported_after_the_split():
    rng = np.random.default_rng(1)
    times = START + np.arange(0, 1440, 24) * HOUR
    scores = pd.DataFrame({"charger_id": np.tile(range(60), len(times)), "time": np.repeat(times, 60)})
    frail = rng.gamma(0.5, 2, 60)
    spells = pd.concat([drawn_spells(1, 1500, 0.002 * frail[one], one).assign(charger_id=one) for one in range(60)])
    scores["score"] = frail[scores["charger_id"]]
    split = START + 720 * HOUR
    found = choose_threshold(scores, spells, split)
    first = found.curve[found.curve["period"] == "first"]
    assert found.chosen_on.cost == first["cost"].min()
    assert found.reported_on.outages > 0
    later = spells.assign(start=spells["start"].where(spells["start"] < split, split + 1000 * HOUR))
    assert choose_threshold(scores, later, split).threshold == found.threshold  # nothing after the split decides


def rolled_out(effect: float, sites: int = 40, treated: int = 20, seed: int = 0, trend: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = pd.date_range("2026-01-01", periods=90)
    site, day = np.divmod(np.arange(sites * 90), 90)
    is_treated = site < treated
    rate = 0.05 + rng.normal(0, 0.02, sites)[site] + rng.normal(0, 0.01, 90)[day] + rng.normal(0, 0.02, len(site))
    rate += is_treated * (effect * (day >= 45) + trend * day)
    return pd.DataFrame(
        {"site_id": site, "day": days[day], "fault_rate": rate, "weight": rng.uniform(50, 200, len(site))}
    )


def test_a_roll_out_that_halves_the_rate_is_found_with_flat_leads():
    found = difference_in_differences(rolled_out(-0.02), range(20), "2026-02-15")
    assert found.ci_low < -0.02 < found.ci_high
    assert found.p_value < 0.001
    assert found.leads_p_value > 0.01
    assert np.isnan(found.randomisation_p_value)
    assert (found.placebos["effect"].abs() < 0.01).all()


def test_the_fixed_effects_are_those_of_dummies():
    import statsmodels.formula.api as smf

    panel = rolled_out(-0.02, sites=12, treated=6).sample(frac=0.9, random_state=1)
    panel["term"] = ((panel["site_id"] < 6) & (panel["day"] >= "2026-02-15")).astype(float)
    fit = smf.wls("fault_rate ~ term + C(site_id) + C(day)", panel, weights=panel["weight"]).fit()
    assert difference_in_differences(panel, range(6), "2026-02-15").effect == pytest.approx(
        fit.params["term"], rel=1e-7
    )


def test_trends_that_part_before_the_change_are_said():
    found = difference_in_differences(rolled_out(0.0, trend=0.0006), range(20), "2026-02-15")
    assert found.leads_p_value < 0.01
    assert "moved apart" in found.sentence


def test_few_treated_sites_are_judged_by_randomisation():
    nothing = difference_in_differences(rolled_out(0.0, treated=3), range(3), "2026-02-15")
    assert nothing.randomisation_p_value > 0.05
    much = difference_in_differences(rolled_out(-0.03, treated=3), range(3), "2026-02-15")
    assert much.randomisation_p_value < 0.02


def test_a_weekly_pattern_is_forecast_and_noise_is_not_usable():
    rng = np.random.default_rng(0)
    days = pd.date_range("2026-01-01", periods=140)
    weekly = pd.Series(rng.poisson(20 + 12 * np.isin(days.day_of_week, (5, 6))), days)
    found = forecast_daily(weekly)
    assert found.usable
    assert found.error < found.naive_error
    assert len(found.forecast) == 14
    assert (found.forecast["low"] >= 0).all()
    wave = pd.Series(10 + 10 * np.sin(np.arange(140) / 7 * 2 * np.pi) + 50 * (np.arange(140) % 7 == 0), days)
    wave.iloc[40] += 3
    assert not forecast_daily(wave).usable  # nothing beats the week before where weeks repeat


def test_days_that_are_missing_are_not_days_without_outages():
    rng = np.random.default_rng(3)
    days = pd.date_range("2026-01-01", periods=120)
    series = pd.Series(rng.poisson(30, 120).astype(float), days).drop(days[50:60])
    assert forecast_daily(series).forecast["mean"].mean() == pytest.approx(30, rel=0.15)


def test_a_design_pools_rare_levels_and_says_what_was_missing():
    rng = np.random.default_rng(0)
    y = rng.random(2000) < 0.2
    frame = pd.DataFrame({"model": rng.choice(["A", "B", "rare"], 2000, p=[0.6, 0.395, 0.005]),
                          "temperature": np.where(rng.random(2000) < 0.1, np.nan, rng.normal(20, 5, 2000)),
                          "hour": rng.integers(0, 24, 2000)})  # fmt: skip
    X = design(frame, y, categories=("model",), numbers=("temperature",), hour="hour")
    assert list(X) == ["constant", "model: B", "model: other", "temperature", "temperature missing",
                       "hour (sine)", "hour (cosine)"]  # fmt: skip
    fit = fit_logit(y, X, cluster=rng.integers(0, 50, 2000))
    assert fit.n_clusters == 50
    assert np.isfinite(fit.ci.to_numpy()).all()
