"""Daily onsets of outages ahead: a seasonal model, and whether it beats repeating last week."""

import warnings
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd
import scipy  # not its parts, which are loaded when they are first used
from threadpoolctl import threadpool_limits

from .answers import CannotAnswer

WEEK = 7
FEWEST_DAYS = 56
ORIGINS = 4
_PATHS = 1000  # simulated for the interval of a sum
ORDERS = (((0, 1, 1), (0, 1, 1, WEEK)), ((1, 0, 0), (0, 1, 1, WEEK)), ((1, 0, 1), (1, 0, 0, WEEK)))


@dataclass(frozen=True)
class Sarima:
    """A seasonal ARIMA model by maximum likelihood; params by term without sigma2, which is the innovations'
    variance."""

    params: pd.Series
    sigma2: float
    log_likelihood: float
    aicc: float = float("nan")
    ljung_box_p: float = float("nan")
    _fit: object = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class DailyForecast:
    """Days ahead with a 95 % interval, and what such forecasts were worth at days that are known.

    `error` and `naive_error`: mean absolute error of rolling origins over that of repeating the week before in the data
    fitted (MASE). usable: error below naive_error. total_ci: 95 % interval of the sum of the days.
    """

    forecast: pd.DataFrame
    usable: bool
    error: float
    naive_error: float
    model: str
    ljung_box_p: float
    sentence: str
    errors: pd.DataFrame
    total_ci: tuple[float, float] = (float("nan"), float("nan"))


def fit_sarima(series, order: tuple, seasonal_order: tuple) -> Sarima:
    """SARIMA(p, d, q)(P, D, Q)s of a series (n,) in equal steps; missing values are allowed.

    By the exact likelihood of the state space (Durbin and Koopman 2012), with a constant where nothing is differenced.
    log_likelihood leaves out the first d + D s values, from which the differences start. Units of the series. Raises
    CannotAnswer for a series too short for its orders, or that never varies.
    """
    values = np.asarray(series, "f8").reshape(-1)
    known = values[np.isfinite(values)]
    from statsmodels.stats.diagnostic import acorr_ljungbox  # here, because it takes seconds to load
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    lost = order[1] + seasonal_order[1] * seasonal_order[3]
    terms = order[0] + order[2] + seasonal_order[0] + seasonal_order[2] + 1
    if len(known) < lost + 2 * terms + 2:
        raise CannotAnswer(f"{len(known)} values are too few for a model with {terms} numbers")
    if known.min() == known.max():
        raise CannotAnswer("the series never varies, so that there is nothing to model")
    # One thread: the filter's matrices are so small that threads wait for each other twenty times as long as they work.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        model = SARIMAX(values, order=order, seasonal_order=seasonal_order, trend="n" if lost else "c")
        fit = model.fit(disp=False, maxiter=200)
    params = pd.Series(fit.params, model.param_names)
    rest = fit.resid[max(lost, 1) :]
    lags = min(2 * WEEK, len(rest) // 3)
    p = float(acorr_ljungbox(rest, [lags], model_df=0)["lb_pvalue"].iloc[0]) if lags > 0 else float("nan")
    return Sarima(params.drop("sigma2"), float(params["sigma2"]), float(fit.llf), float(fit.aicc), p, fit)


def forecast_daily(series: pd.Series, horizon: int = 14, min_days: int = FEWEST_DAYS) -> DailyForecast:
    """Counts of the next `horizon` days, from a Series of counts by day (DatetimeIndex); days left out are not known.

    Candidates: SARIMA on sqrt(count + 3/8), with the best of three orders by AICc, and Poisson regression on weekday
    and two yearly waves, scaled by its dispersion, the better of both by the error of four rolling origins, each
    fitted to what was known then. "Not usable" where it does not beat repeating the week before (seasonal naive) at
    those origins: the forecast is then that week. Counts are never below 0. Raises CannotAnswer for fewer than 8 weeks.
    """
    daily = _daily(series)
    if len(daily) < max(min_days, 4 * WEEK):
        raise CannotAnswer(f"a weekly pattern needs at least 8 weeks of days, and there are {len(daily)} days")
    scale = _naive_scale(daily)
    if not scale > 0:
        raise CannotAnswer("every week was the same, so that there is nothing to forecast")
    origins = _origins(len(daily), horizon)
    orders = _best_orders(daily.iloc[: min(origins)])
    makers = {"SARIMA": partial(_by_sarima, orders), "Poisson with weekdays": _by_poisson}
    errors = {name: [] for name in (*makers, "the week before")}
    for origin in origins:
        known, coming = daily.iloc[:origin], daily.iloc[origin : origin + horizon]
        for name, maker in makers.items():
            errors[name].append(_error(maker(known, len(coming))[0], coming) / scale)
        errors["the week before"].append(_error(_by_week(known, len(coming))[0], coming) / scale)
    table = pd.DataFrame(errors)
    means = table.mean()
    best = str(means[list(makers)].idxmin())
    naive = float(means["the week before"])
    usable = bool(means[best] < naive)
    mean, low, high, ljung_box, total_ci = (makers[best] if usable else _by_week)(daily, horizon)
    days = pd.date_range(daily.index[-1] + pd.Timedelta(days=1), periods=horizon, freq="D", name="day")
    forecast = pd.DataFrame({"mean": mean, "low": low, "high": high}, index=days)
    if usable:
        said = f"{best} was off by {means[best] / naive:.0%} of what repeating the week before was off by."
    else:
        said = "Not usable: no model was better than repeating the week before, which is shown instead."
    return DailyForecast(forecast, usable, float(means[best]), naive, best, ljung_box, said, table, total_ci)


def _daily(series: pd.Series) -> pd.Series:
    if not isinstance(series.index, pd.DatetimeIndex):
        raise CannotAnswer("the series must be indexed by its days")
    if series.index.has_duplicates:
        raise CannotAnswer("the series has a day twice")
    daily = series.sort_index().asfreq("D").astype("f8")
    if (daily < 0).any():
        raise CannotAnswer("a count of a day cannot be below 0")
    return daily


def _naive_scale(daily: pd.Series) -> float:
    return float((daily - daily.shift(WEEK)).abs().mean())


def _origins(days: int, horizon: int) -> list[int]:
    """Where the rolling forecasts begin: the last ones, each followed by `horizon` days, half of the data before."""
    first = max(days // 2, 4 * WEEK)
    return [origin for origin in (days - horizon - WEEK * back for back in range(ORIGINS))
            if origin >= first] or [days - min(horizon, WEEK)]  # fmt: skip


def _error(mean: np.ndarray, coming: pd.Series) -> float:
    return float(np.nanmean(np.abs(coming.to_numpy() - mean)))


def _by_week(known: pd.Series, horizon: int):
    last = known.ffill().iloc[-WEEK:].to_numpy()
    mean = np.resize(last, horizon)
    spread = 1.96 * float((known - known.shift(WEEK)).std())
    weeks = known.ffill().rolling(WEEK).sum()  # a week repeated is as far off as a week from the week before, each time
    off = 1.96 * float((weeks - weeks.shift(WEEK)).std()) * horizon / WEEK
    total = (max(mean.sum() - off, 0.0), mean.sum() + off)
    return mean, np.maximum(mean - spread, 0), mean + spread, float("nan"), total


def _best_orders(known: pd.Series) -> tuple | None:
    """The orders with the least AICc on the days before all origins, so that no judged day has a say; None: none
    fits."""
    fits = {}
    for orders in ORDERS:
        try:
            fits[orders] = fit_sarima(_root(known), *orders).aicc
        except (CannotAnswer, np.linalg.LinAlgError):
            continue
    return min(fits, key=fits.get) if fits else None


def _root(known: pd.Series) -> np.ndarray:
    """Anscombe's root, which makes the scatter of counts even and keeps what is forecast at or above 0."""
    return np.sqrt(known.to_numpy() + 0.375)


def _by_sarima(orders: tuple | None, known: pd.Series, horizon: int):
    if orders is None:
        return *[np.full(horizon, np.nan)] * 3, float("nan"), (float("nan"), float("nan"))
    fit = fit_sarima(_root(known), *orders)
    ahead = fit._fit.get_forecast(horizon)
    centre, spread = np.maximum(ahead.predicted_mean, 0), ahead.se_mean
    mean = np.maximum(centre**2 - 0.375 + spread**2, 0)
    low, high = (np.maximum(np.maximum(centre + side * spread, 0) ** 2 - 0.375, 0) for side in (-1.96, 1.96))
    paths = fit._fit.simulate(horizon, anchor="end", repetitions=_PATHS, rng=np.random.default_rng(0))
    totals = np.maximum(np.maximum(np.asarray(paths).reshape(horizon, -1), 0) ** 2 - 0.375, 0).sum(0)
    return mean, low, high, fit.ljung_box_p, tuple(np.quantile(totals, [0.025, 0.975]).tolist())


def _by_poisson(known: pd.Series, horizon: int):
    days = np.arange(len(known) + horizon)
    weekday = np.eye(WEEK)[(known.index[0].day_of_week + days) % WEEK]
    angle = 2 * np.pi * days / 365.25
    waves = [np.sin(angle), np.cos(angle)] if len(known) >= 365 else [days / max(len(known), 1)]
    design = np.column_stack([weekday, *waves])
    seen = known.notna().to_numpy()
    counts = known.to_numpy()[seen]
    if counts.sum() == 0:
        most = 3.0 / max(len(counts), 1)  # the rule of three
        return np.zeros(horizon), np.zeros(horizon), np.full(horizon, most), float("nan"), (0.0, most * horizon)
    from statsmodels.genmod.families import Poisson  # here, because it takes seconds to load
    from statsmodels.genmod.generalized_linear_model import GLM

    fit = GLM(counts, design[: len(known)][seen], family=Poisson()).fit()
    mean = fit.predict(design[len(known) :])
    dispersion = max(fit.pearson_chi2 / max(fit.df_resid, 1), 1.0)
    spread = np.sqrt(dispersion * np.maximum(mean, 0.05))
    z = scipy.stats.norm.ppf(0.975)
    ahead = design[len(known) :]
    own = mean @ ahead @ (fit.cov_params() * dispersion) @ ahead.T @ mean  # of the coefficients, on the sum
    off = z * np.sqrt(dispersion * max(mean.sum(), 0.05) + own)
    total = (max(mean.sum() - off, 0.0), mean.sum() + off)
    return mean, np.maximum(mean - z * spread, 0), mean + z * spread, float("nan"), total
