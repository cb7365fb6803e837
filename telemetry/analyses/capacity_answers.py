"""Is one more charger worth it: waiting in each site's busiest hours, by the formula of queues."""

import numpy as np
import pandas as pd

from telemetry import plots
from telemetry.reliability.answers import CannotAnswer
from telemetry.reliability.capacity import one_more_charger

from .answer import COUNTED, Answer, Figure, in_words
from .inputs import Inputs

NO_BEST = "At every site more cars come in its busiest hours than can charge, so that no wait can be told."


def capacity(inputs: Inputs) -> Answer:
    """N5: what one more charger would do to waiting in each site's busiest hour of the week."""
    sessions = inputs.sessions
    if sessions.empty:
        raise CannotAnswer("no sessions are known in this period, so that nothing is known of demand")
    sites = _busiest_hours(inputs)
    if sites.empty:
        raise CannotAnswer("no session that ended is known in this period, so that nothing is known of demand")
    found = one_more_charger(sites.rename(columns={"site": "site_id"}))
    table = found.merge(sites.rename(columns={"site": "site_id"}), on="site_id")
    table["minutes_saved"] = table["minutes_saved"].where(np.isfinite(table["wait_minutes"]))
    none = table[table["elasticity"] == 0].sort_values("minutes_saved", ascending=False, na_position="last")
    best = none.iloc[0]
    followed = table[(table["site_id"] == best["site_id"]) & (table["elasticity"] == 1)].iloc[0]
    full = int((~np.isfinite(none["wait_minutes"])).sum())
    stays, follows = saved_interval(inputs, best["site_id"])
    said = NO_BEST if full == len(none) else (
        f"One more charger saves most at {best['site_id']}: the wait in its busiest hours falls from"
        f" {in_words(best['wait_minutes'])} to {in_words(best['wait_minutes_after'])} minutes if demand stays as it is,"
        f" and to {in_words(followed['wait_minutes_after'])} if demand follows in full."
    )  # fmt: skip
    figures = [
        Figure("Minutes saved at the best site", best["minutes_saved"], *stays, "min", "if demand stays"),
        Figure("If demand follows in full", followed["minutes_saved"], *follows, "min", "below 0: the wait grows"),
        Figure("Sites whose queue has no end", full, decimals=0, note="more cars come at those hours than can charge",
               no_interval=COUNTED),
        Figure("Sites", len(none), decimals=0, no_interval=COUNTED),
    ]  # fmt: skip
    notes = [
        "Intervals by drawing days again, at the site that looks best: being the best of many is partly luck.",
        "Waiting in the table is what the queue's formula says of each site's means, without intervals.",
    ]
    rows = [(row.site_id, row.minutes_saved, None, None) for row in none.head(10).itertuples()
            if np.isfinite(row.minutes_saved)]  # fmt: skip
    drawn = (
        [plots.rows("Minutes of waiting saved", "In the busiest hours, if demand stays.", "minutes", rows)]
        if rows
        else []
    )
    names = {"site_id": "site", "p_wait": "share that waits", "wait_minutes": "wait (min)",
             "p_wait_after": "share after", "wait_minutes_after": "wait after (min)", "session_hours": "session (h)",
             "minutes_saved": "saved (min)", "arrivals_per_hour": "cars per hour"}  # fmt: skip
    order = table["site_id"].map({site: place for place, site in enumerate(none["site_id"])})
    table = table.assign(order=order).sort_values(["order", "elasticity"]).drop(columns="order")
    return Answer(said, figures, drawn, table.rename(columns=names), notes)


def saved_interval(inputs: Inputs, site: str, draws: int = 300) -> list[tuple[float, float]]:
    """Between which minutes one more charger at a site saves, with demand that stays and that follows in full.

    By drawing the days of the period again; NaN where that leaves too few queues that have an end.
    """
    chargers = inputs.chargers[inputs.chargers["site"] == site]
    mine = inputs.sessions[inputs.sessions["charger_id"].isin(chargers["charger_id"])]
    days = max(inputs.hours // 24, 1)
    day = np.clip(((mine["start"] - inputs.start.timestamp()) // 86400).to_numpy("i8"), 0, days - 1)
    hour = (mine["start"] // 3600).to_numpy("i8") % 24
    counts = np.bincount(day * 24 + hour, minlength=days * 24).reshape(days, 24)
    length = ((mine["end"] - mine["start"]) / 3600).to_numpy()
    known = np.isfinite(length) & (length > 0) & (length < 24)
    hours, ended = (np.bincount(day[known], one, minlength=days) for one in (length[known], None))
    drawn = np.random.default_rng(0).multinomial(days, np.full(days, 1 / days), draws)
    lasts = (drawn @ hours) / np.maximum(drawn @ ended, 1)
    sums = inputs.exposure.loc[inputs.exposure["site"] == site, ["up_hours", "known_hours"]].sum()
    frame = pd.DataFrame({
        "site_id": np.arange(draws), "arrivals_per_hour": _busiest(drawn @ counts / days, 2 * lasts),
        "session_hours": lasts, "chargers": len(chargers), "availability": sums["up_hours"] / sums["known_hours"],
    })  # fmt: skip
    found = one_more_charger(frame, (0.0, 1.0))
    return [_middle(found.loc[found["elasticity"] == one, "minutes_saved"].to_numpy()) for one in (0.0, 1.0)]


def _middle(values: np.ndarray) -> tuple[float, float]:
    """Where the middle 95 % lie; NaN where fewer than half are finite numbers."""
    values = values[np.isfinite(values)]
    return tuple(np.quantile(values, [0.025, 0.975]).tolist()) if len(values) >= 150 else (float("nan"), float("nan"))


def _busiest_hours(inputs: Inputs) -> pd.DataFrame:
    """Cars per hour in the busiest hours of the day, mean session, chargers and availability of each site.

    Twice as many hours together as a session lasts, because a queue needs that long to come near its balance.
    """
    sessions, chargers = inputs.sessions, inputs.chargers
    site, names = pd.factorize(chargers["site"])
    of = site[pd.Index(chargers["charger_id"]).get_indexer(sessions["charger_id"])]
    hour = (sessions["start"] // 3600).to_numpy("i8") % 24
    counts = np.bincount(of * 24 + hour, minlength=len(names) * 24).reshape(-1, 24) / (inputs.hours / 24)
    length = (sessions["end"] - sessions["start"]) / 3600
    known = np.isfinite(length) & (length > 0) & (length < 24)
    total, count = (np.bincount(of[known], values, minlength=len(names)) for values in (length[known], None))
    lasts = total / np.maximum(count, 1)
    sums = inputs.exposure.groupby("site")[["up_hours", "known_hours"]].sum().reindex(names)
    frame = pd.DataFrame({
        "site": names, "arrivals_per_hour": _busiest(counts, 2 * lasts), "session_hours": lasts,
        "chargers": np.bincount(site), "availability": (sums["up_hours"] / sums["known_hours"]).to_numpy(),
    })  # fmt: skip
    return frame[(count > 0) & (frame["arrivals_per_hour"] > 0) & frame["availability"].notna()].reset_index(drop=True)


def _busiest(counts: np.ndarray, hours: np.ndarray) -> np.ndarray:
    """Highest mean of so many hours in a row, around the clock, of counts (n, 24)."""
    sums = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(np.concatenate([counts, counts], 1), 1)], 1)
    width = np.clip(np.ceil(hours), 1, 24).astype(int)
    return np.array([((row[w : w + 24] - row[:24]) / w).max() for row, w in zip(sums, width, strict=True)])
