"""The published answers that the statistics must return; where each comes from stands beside it."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from telemetry.reliability.associations import fit_logit
from telemetry.reliability.capacity import erlang_b, erlang_c
from telemetry.reliability.control_charts import c_chart, cusum, p_chart
from telemetry.reliability.hotspots import benjamini_hochberg
from telemetry.reliability.impact import cluster_bootstrap
from telemetry.reliability.proportions import fisher_exact, proportion_interval, two_proportion_test
from telemetry.reliability.rates import fit_weibull, kaplan_meier, logrank, mtbf
from telemetry.reliability.rollout import did_from_means, difference_in_differences
from telemetry.reliability.seasonality import fit_sarima
from telemetry.reliability.uptime import nevi_uptime
from telemetry.risk.drift import stability_index
from telemetry.risk.measures import area_under_roc, average_precision

# Freireich 1963: weeks of remission under 6-MP (nine relapses, twelve still going on) and under placebo.
SIX_MP = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35], [1] * 9 + [0] * 12
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [1] * 21
# NIST 8.4.1.3: hours to failure of ten of twenty units, the others stopped at 500.
NIST_HOURS = [54, 187, 216, 240, 244, 335, 361, 373, 375, 386] + [500] * 10, [1] * 10 + [0] * 10
# Dalal 1989: temperature (°F) of 23 flights of the shuttle, and those with distress of an O-ring.
FLIGHTS_F = [66, 70, 69, 68, 67, 72, 73, 70, 57, 63, 70, 78, 67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58]
DISTRESSED = [2, 9, 10, 11, 14, 21, 23]
# Efron: LSAT and grade point average of fifteen law schools.
LAW_SCHOOLS = pd.DataFrame({
    "school": range(15),
    "lsat": [576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594],
    "gpa": [3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96],
})  # fmt: skip
# Box and Jenkins, series G: airline passengers by month, 1949 to 1960.
AIRLINE = """
112 118 132 129 121 135 148 148 136 119 104 118 115 126 141 135 125 149 170 170 158 133 114 140 145 150 178 163 172 178
199 199 184 162 146 166 171 180 193 181 183 218 230 242 209 191 172 194 196 196 236 235 229 243 264 272 237 211 180 201
204 188 235 227 234 264 302 293 259 229 203 229 242 233 267 269 270 315 364 347 312 274 237 278 284 277 317 313 318 374
413 405 355 306 271 306 315 301 356 348 355 422 465 467 404 347 305 336 340 318 362 348 363 435 491 505 404 359 310 337
360 342 406 396 420 472 548 559 463 407 362 405 417 391 419 461 472 535 622 606 508 461 390 432
"""


def test_two_proportions_as_in_the_documentation_of_statsmodels():
    found = two_proportion_test(5, 83, 12, 99)
    assert (found.z, found.p_value) == (pytest.approx(-1.4078, abs=5e-5), pytest.approx(0.159, abs=5e-4))


def test_newcombe_1998b_interval_of_a_difference():
    found = two_proportion_test(56, 70, 48, 80)
    assert (found.difference, found.ci_low, found.ci_high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(
    ("count", "n", "method", "interval"),
    [
        (81, 263, "wilson", (0.2553, 0.3662)),
        (15, 148, "wilson", (0.0624, 0.1605)),
        (0, 20, "wilson", (0, 0.1611)),
        (81, 263, "clopper", (0.2527, 0.3676)),
    ],
)
def test_newcombe_1998a_intervals_of_a_share(count, n, method, interval):
    assert proportion_interval(count, n, method) == pytest.approx(interval, abs=5e-5)


def test_fisher_and_the_lady_tasting_tea():
    assert fisher_exact([[3, 1], [1, 3]]).p_value == pytest.approx(34 / 70)
    assert fisher_exact([[4, 0], [0, 4]]) == pytest.approx(2 / 70)


def test_spector_and_mazzeo_by_logistic_regression():
    data = sm.datasets.spector.load_pandas()
    fit = fit_logit(data.endog, sm.add_constant(data.exog))
    expected = {"const": -13.0213, "GPA": 2.8261, "TUCE": 0.0952, "PSI": 2.3787}
    assert fit.coefficients.to_dict() == pytest.approx(expected, abs=5e-5)
    assert (fit.log_likelihood, fit.pseudo_r2, fit.separated) == (
        pytest.approx(-12.890, abs=5e-4),
        pytest.approx(0.374, abs=5e-4),
        False,
    )


def test_the_o_rings_of_challenger():
    y = np.isin(np.arange(1, 24), DISTRESSED).astype(int)
    fit = fit_logit(y, pd.DataFrame({"constant": 1.0, "temperature_f": FLIGHTS_F}))
    assert list(fit.coefficients) == pytest.approx([15.0429, -0.2322], abs=5e-5)
    assert list(fit.standard_errors) == pytest.approx([7.3786, 0.1082], abs=5e-5)


def test_firth_where_every_exposed_one_fails_adds_one_half_per_cell():
    x = np.repeat([1.0, 0.0], [5, 10])
    y = np.concatenate([np.ones(5), np.ones(2), np.zeros(8)])
    fit = fit_logit(y, np.column_stack([np.ones(15), x]))
    assert fit.separated
    assert list(fit.coefficients) == pytest.approx([np.log(2.5 / 8.5), np.log(5.5 / 0.5) - np.log(2.5 / 8.5)], abs=1e-6)
    assert list(fit.coefficients) == pytest.approx([-1.22378, 3.62167], abs=1e-5)
    assert np.isfinite(fit.odds_ratios).all()


def test_mean_time_between_failures_as_in_nist_8_4_5_1():
    two = mtbf(800, 2, confidence=0.9)
    assert (two.estimate, two.ci_low, two.ci_high) == (400, pytest.approx(127, abs=0.5), pytest.approx(2251, abs=0.5))
    none = mtbf(800, 0)
    assert (none.estimate, none.ci_low, none.ci_high) == (np.inf, pytest.approx(267.0, abs=0.05), np.inf)


def test_weibull_with_censoring_as_in_nist_8_4_1_3():
    fit = fit_weibull(*NIST_HOURS)
    assert (fit.scale, fit.shape) == (pytest.approx(606.5280, abs=1e-3), pytest.approx(1.7208, abs=5e-5))
    assert (fit.log_likelihood, fit.mean, fit.sd) == (
        pytest.approx(-75.135, abs=5e-4), pytest.approx(540.737, abs=1e-3), pytest.approx(323.806, abs=1e-3)
    )  # fmt: skip


def test_freireich_by_kaplan_meier_and_the_logrank_test():
    curve = kaplan_meier(*SIX_MP)
    assert list(curve.times) == [6, 7, 10, 13, 16, 22, 23]
    assert list(curve.survival) == pytest.approx([0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482], abs=5e-5)
    assert (curve.median, kaplan_meier(*PLACEBO).median) == (23, 8)
    test = logrank(*SIX_MP, *PLACEBO)
    assert (test.chi2, test.p_value) == (pytest.approx(16.79, abs=5e-3), pytest.approx(4.17e-5, rel=1e-2))


def test_freireich_by_cox_with_efrons_ties():
    # `load` and `uplift` are tested against simulations; this one says that statsmodels' Cox model is the textbook's.
    model = sm.PHReg(SIX_MP[0] + PLACEBO[0], np.repeat([0.0, 1.0], 21), np.array(SIX_MP[1] + PLACEBO[1]), ties="efron")
    assert model.fit().params[0] == pytest.approx(1.5721, abs=5e-5)


def test_card_and_krueger_on_the_minimum_wage():
    found = did_from_means(20.44, 21.03, 23.33, 21.17, 0.54, 1.25)
    assert (found.effect, found.standard_error) == (pytest.approx(2.75), pytest.approx(1.36, abs=5e-3))
    cells = pd.DataFrame(
        {"site_id": ["NJ", "NJ", "PA", "PA"], "day": ["1992-02-15", "1992-11-15"] * 2,
         "fault_rate": [20.44, 21.03, 23.33, 21.17], "weight": 1.0}
    )  # fmt: skip
    assert difference_in_differences(cells, ["NJ"], "1992-11-01").effect == pytest.approx(2.75)


def test_the_law_schools_by_bootstrap():
    found = cluster_bootstrap(LAW_SCHOOLS, "school", lambda rows: np.corrcoef(rows["lsat"], rows["gpa"])[0, 1])
    assert found.estimate == pytest.approx(0.7764, abs=5e-5)
    assert found.standard_error == pytest.approx(0.13, abs=0.01)


def test_federal_uptime_is_above_97_percent_and_not_97():
    assert (nevi_uptime(15_768).percent, nevi_uptime(15_768).passes) == (pytest.approx(97.0, abs=1e-9), False)
    assert (nevi_uptime(20_000, 4_232).percent, nevi_uptime(20_000, 4_232).passes) == (
        pytest.approx(97.0, abs=1e-9),
        False,
    )
    assert nevi_uptime(15_767).passes


def test_forecasts_by_the_documentation_of_scikit_learn():
    y, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    assert average_precision(score, y) == pytest.approx(0.8333, abs=5e-5)
    assert area_under_roc(score, y) == pytest.approx(0.75)
    assert stability_index(np.array([0.5, 0.5]), np.array([0.4, 0.6])) == pytest.approx(0.040547, abs=5e-6)


def test_queues_of_textbooks():
    assert erlang_b(3, 5) == pytest.approx(0.1101, abs=5e-5)  # the tables of Erlang B
    one = erlang_c(2, 3, 1)  # M/M/1: rho = 2/3, Lq = rho^2 / (1 - rho)
    assert (one.p0, one.p_wait, one.lq, one.wq) == pytest.approx((1 / 3, 2 / 3, 4 / 3, 2 / 3))
    emergency = erlang_c(2, 3, 2)  # Hillier and Lieberman, county hospital
    assert (emergency.p0, emergency.lq, emergency.wq) == pytest.approx((1 / 2, 1 / 12, 1 / 24))
    assert erlang_b(200, 220) == pytest.approx(0.0112, abs=2e-3)  # no factorial that overflows


def test_airline_passengers_by_the_airline_model():
    series = np.log(np.array(AIRLINE.split(), "f8"))
    fit = fit_sarima(series, (0, 1, 1), (0, 1, 1, 12))
    assert list(fit.params) == pytest.approx([-0.4018, -0.5569], abs=5e-4)
    assert (fit.sigma2, fit.log_likelihood) == (pytest.approx(0.001348, abs=5e-6), pytest.approx(244.70, abs=0.01))


def test_benjamini_and_hochberg_1995_on_their_own_example():
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
         0.7590, 1.0]  # fmt: skip
    assert list(benjamini_hochberg(p, 0.05)) == [True] * 4 + [False] * 11
    assert list(benjamini_hochberg(p[::-1], 0.05).rejected) == [False] * 11 + [True] * 4


def test_control_charts_of_nist_and_montgomery():
    wafers = [16, 14, 28, 16, 12, 20, 10, 12, 10, 17, 19, 17, 14, 16, 15, 13, 14, 16, 11, 20, 11, 19, 16, 31, 13]
    chart = c_chart(wafers)  # NIST 6.3.3.1
    assert (chart.center, chart.ucl, chart.lcl, chart.signals) == (
        pytest.approx(16, abs=0.5), pytest.approx(28, abs=0.5), pytest.approx(4, abs=0.5), [24]
    )  # fmt: skip
    juice = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]
    chart = p_chart(juice, 50)  # Montgomery, example 7.1
    assert (chart.center, chart.ucl, chart.lcl) == pytest.approx((0.2313, 0.4102, 0.0524), abs=5e-5)
    assert chart.signals == [15, 23]


def test_the_cumulative_sum_of_nist_6_3_2_3():
    values = [324.925, 324.675, 324.725, 324.350, 325.350, 325.225, 324.125, 324.525, 325.225, 324.600, 324.625,
              325.150, 328.325, 327.250, 327.825, 328.500, 326.675, 327.775, 326.875, 328.350]  # fmt: skip
    found = cusum(values, target=325, k=0.3175, h=4.1959)
    assert found.first_signal == 14
    assert list(found.upper[12:]) == pytest.approx([3.0075, 4.94, 7.4475, 10.63, 11.9875, 14.445, 16.0025, 19.035])
    assert list(found.lower[:5]) == pytest.approx([0, 0.0075, 0, 0.3325, 0])
