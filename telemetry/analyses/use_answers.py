"""Questions that need sessions: does load harm, is one more charger worth it, what outages cost, do drivers succeed."""

import numpy as np
import pandas as pd

from telemetry import plots
from telemetry.reliability.answers import CannotAnswer
from telemetry.reliability.capacity import one_more_charger
from telemetry.reliability.charge_attempts import Thresholds, charge_attempts, session_success
from telemetry.reliability.impact import lost_energy
from telemetry.reliability.load import hourly_panel, load_hazard

from .answer import Answer, Figure, in_words
from .inputs import STATUS_WORDS, Inputs
from .outage_answers import share_of

MARGIN_PER_KWH, RECAPTURE = 0.15, 0.3  # what is assumed unless the person who asks says otherwise
CHARGERS_AT_ONCE = 200
EPOCH = pd.Timestamp(0, tz="UTC")


def times(seconds) -> pd.Series:
    """Seconds since 1970 as times."""
    return EPOCH + pd.to_timedelta(pd.Series(np.asarray(seconds)), unit="s")


def load(inputs: Inputs) -> Answer:
    """N2: the hazard of an outage in the next hour by how busy the charger was in the hour before."""
    panel = load_panel(inputs)
    inputs.progress(2, 3, "fitting the hazard")
    found = load_hazard(panel, categories=("charger_type",))
    said = "Chargers that were busy in the hour before fail"
    certain = found.ci_low > 1 or found.ci_high < 1
    more = "more" if found.hazard_ratio > 1 else "less"
    said = f"{said} {in_words(max(found.hazard_ratio, 1 / found.hazard_ratio))} times {more} often" if certain else (
        "Whether load goes with failures cannot be told from chance"
    )  # fmt: skip
    said += f" (hazard ratio {in_words(found.hazard_ratio)}, {in_words(found.ci_low)} to {in_words(found.ci_high)})."
    figures = [
        Figure("Hazard ratio, full hour against none", found.hazard_ratio, found.ci_low, found.ci_high, "",
               f"clustered by {found.n_clusters:,} chargers"),
        Figure("Outages at chargers that were up", found.onsets, decimals=0, note="one each, however long it lasted"),
        Figure("Charger-hours at risk", found.hours_at_risk, decimals=0),
    ]  # fmt: skip
    terms = [name for name in found.coefficients.index if name != "constant"]
    table = pd.DataFrame({
        "term": [named(term) for term in terms], "hazard ratio": np.exp(found.coefficients[terms]).to_numpy(),
        "from": np.exp(found.ci.loc[terms, "low"]).to_numpy(), "to": np.exp(found.ci.loc[terms, "high"]).to_numpy(),
    })  # fmt: skip
    rows = [tuple(row) for row in table.itertuples(index=False)]
    return Answer(said, figures, [plots.rows("Hazard ratios", said, "times as often", rows, mark=1.0)], table)


_WORDS = {
    "load": "load in the hour before", "is_weekend": "weekend", "temperature_f": "outdoor heat (per SD)",
    "power_kw": "power (per SD)", "log_hours_up": "time since the last outage (log, per SD)",
}  # fmt: skip


def named(term: str) -> str:
    """A term of a model in words."""
    return _WORDS.get(term, term.replace("charger_type: ", "").replace("location_type: ", ""))


def load_panel(inputs: Inputs) -> pd.DataFrame:
    """Hours at risk with the load of the hour before, of `inputs`."""
    sessions = inputs.sessions
    if sessions.empty:
        raise CannotAnswer("no sessions are known in this period, so that nothing is known of load")
    inputs.progress(1, 3, "laying out the hours")
    use = pd.DataFrame({"charger_id": sessions["charger_id"], "start": times(sessions["start"]),
                        "end": times(sessions["end"].fillna(sessions["start"] + 24 * 3600))})  # fmt: skip
    columns = ["charger_id", "site", "since", "charger_type", "location_type", "power_kw"]
    return hourly_panel(inputs.spells, use, inputs.chargers[columns], inputs.start, inputs.end)


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
    said = (
        f"One more charger saves most at {best['site_id']}: the wait in its busiest hours falls from"
        f" {in_words(best['wait_minutes'])} to {in_words(best['wait_minutes_after'])} minutes if demand stays as it is,"
        f" and to {in_words(followed['wait_minutes_after'])} if demand follows in full."
    )
    figures = [
        Figure("Minutes saved at the best site", best["minutes_saved"], unit="min", note="if demand stays"),
        Figure("If demand follows in full", followed["minutes_saved"], unit="min", note="below 0: the wait grows"),
        Figure("Sites whose queue has no end", full, decimals=0, note="more cars come at those hours than can charge"),
        Figure("Sites", len(none), decimals=0),
    ]  # fmt: skip
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
    return Answer(said, figures, drawn, table.rename(columns=names))


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


def cost(inputs: Inputs) -> Answer:
    """N6: energy and margin lost to failed sessions and outages, against what would have been sold."""
    options = inputs.scope.options
    margin, recapture = float(options.get("margin") or MARGIN_PER_KWH), float(options.get("recapture") or RECAPTURE)
    sessions = inputs.sessions
    inputs.progress(1, 3, "counting what was sold")
    types = inputs.chargers.set_index("charger_id")["charger_type"]
    hour = ((sessions["start"] // 3600) % 24).astype("i4").astype(str)
    ended = np.isfinite(sessions["end"])
    if not ended.any():
        raise CannotAnswer("no session that ended is known in this period, so that nothing is known of what is sold")
    told = sessions.assign(stratum=sessions["charger_id"].map(types).astype(str) + " at " + hour)[ended]
    out = _outage_hours(inputs, told)
    inputs.progress(2, 3, "drawing chargers again")
    found = lost_energy(told, out, margin, recapture)
    currency = inputs.chargers["currency"].iloc[0] if len(inputs.chargers) else "USD"
    said = (
        f"Outages and failed sessions cost {in_words(found.energy_kwh.estimate)} kWh,"
        f" {in_words(found.margin.estimate)} {currency} of margin, in {inputs.scope.days} days."
    )
    energy, money = found.energy_kwh, found.margin
    figures = [
        Figure("Energy not sold", energy.estimate, energy.ci_low, energy.ci_high, "kWh", "by drawing chargers again"),
        Figure("Margin lost", money.estimate, money.ci_low, money.ci_high, currency,
               f"at {margin:g} {currency} per kWh, {recapture:.0%} sold anyway"),
        Figure("Of it by failed sessions", found.failed_kwh, unit="kWh",
               note=_share(found.failed_kwh, energy.estimate)),
        Figure("Of it by outages", found.outage_kwh, unit="kWh", note=_share(found.outage_kwh, energy.estimate)),
    ]  # fmt: skip
    names = inputs.chargers.set_index("charger_id")[["charger", "site"]]
    table = found.by_charger.join(names, on="charger_id").sort_values("lost_kwh", ascending=False)
    table = table[["charger", "site", "lost_kwh", "failed_kwh", "outage_kwh"]]
    by_site = table.groupby("site")["lost_kwh"].sum().nlargest(10)
    drawn = [plots.rows("Energy not sold, by site", "The ten sites that lose most.", "kWh",
                        [(site, kwh, None, None) for site, kwh in by_site.items()], write="{:,.0f}")]  # fmt: skip
    return Answer(
        said, figures, drawn if len(by_site) else [], table.rename(columns=lambda name: name.replace("_", " "))
    )


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%} of all" if whole else "of nothing"


def _outage_hours(inputs: Inputs, sessions: pd.DataFrame) -> pd.DataFrame:
    """Hours out of each charger by hour of the day, and what such a charger sells in such an hour of being up."""
    spells = inputs.spells
    seconds = [(spells[name] - EPOCH) / pd.Timedelta(seconds=1) for name in ("start", "end")]
    down = inputs.by_hour(spells["charger_id"], *seconds)
    if inputs.hours < 24 or down.size == 0:
        return pd.DataFrame({"charger_id": [], "stratum": [], "hours": [], "kwh_per_hour": []})
    whole = inputs.hours // 24 * 24
    by_hour = down[:, :whole].reshape(len(down), -1, 24).sum(1)
    types = inputs.chargers["charger_type"].astype(str).to_numpy()
    charger, hour = np.nonzero(by_hour > 0)
    stratum = pd.Series(types[charger]).str.cat(pd.Series(hour).astype(str), sep=" at ")
    up = pd.DataFrame(whole // 24 - by_hour).groupby(types).sum()
    sold = sessions.groupby("stratum")["energy_kwh"].sum()
    names = [(kind, h, f"{kind} at {h}") for kind in up.index for h in up]
    rate = {name: sold.get(name, 0.0) / max(up.loc[kind, h], 1e-9) for kind, h, name in names}
    return pd.DataFrame({
        "charger_id": inputs.chargers["charger_id"].to_numpy()[charger], "stratum": stratum,
        "hours": by_hour[charger, hour], "kwh_per_hour": stratum.map(rate),
    })  # fmt: skip


def attempts(inputs: Inputs) -> Answer:
    """Do drivers succeed: attempts, visits and their shares by the rules of ChargeX."""
    least = inputs.scope.options.get("least_kwh")
    thresholds = Thresholds(least_energy_kwh=float(least)) if least else Thresholds()
    pieces = [_attempts_of(inputs, ids, thresholds) for ids in _in_parts(inputs)]
    if not pieces:
        raise CannotAnswer("no charger had reported by the end of this period")
    found = pd.concat(pieces, ignore_index=True)
    result = session_success(found, thresholds)
    by_charger = result.by_charger.merge(inputs.chargers[["charger_id", "charger", "site", "charger_type"]], "left")
    share = share_of(by_charger, "successes", "attempts")
    interval = (share.ci_low, share.ci_high) if share else result.success_ci
    said = (
        f"{100 * result.success_share:.1f} % of {result.attempts:,} attempts to charge succeeded;"
        f" {100 * result.visit_success_share:.1f} % of visits ended with a charge."
    )
    figures = [
        Figure("Charging success rate", *(100 * one for one in (result.success_share, *interval)), "%",
               f"by {share.n_clusters} sites or chargers" if share else "attempts counted as independent", 2),
        Figure("Attempts that started", 100 * result.started_share, unit="%", decimals=2),
        Figure("Visits that succeeded", 100 * result.visit_success_share, unit="%", decimals=2,
               note=f"{result.visits:,} visits; judged by their last attempt"),
        Figure("At the first attempt", 100 * result.first_attempt_share, unit="%", decimals=2),
        Figure("After two or more", 100 * result.troubled_share, unit="%", decimals=2),
        Figure("Attempts per visit", result.attempts_per_visit, decimals=2, note="1.1 to 1.3 is healthy"),
    ]  # fmt: skip
    table = by_charger.sort_values("share")[["charger", "site", "charger_type", "attempts", "successes", "share"]]
    rows = []
    for kind, group in by_charger.groupby("charger_type"):
        if one := share_of(group, "successes", "attempts"):
            rows.append((kind, 100 * one.estimate, 100 * one.ci_low, 100 * one.ci_high))
    drawn = [plots.rows("Charging success by type", said, "%", rows, write="{:.0f}")] if rows else []
    return Answer(said, figures, drawn, table.rename(columns={"charger_type": "type"}))


def _in_parts(inputs: Inputs):
    """Ids of some chargers at a time, because reports of all of them for half a year fill the memory."""
    ids = inputs.chargers["charger_id"].to_numpy()
    for place in range(0, len(ids), CHARGERS_AT_ONCE):
        inputs.progress(place, len(ids), "gathering attempts")
        yield ids[place : place + CHARGERS_AT_ONCE]


def _attempts_of(inputs: Inputs, ids: np.ndarray, thresholds: Thresholds) -> pd.DataFrame:
    status = inputs.status_of(ids)
    told = pd.DataFrame({"charger_id": status["charger_id"], "time": times(status["second"]),
                         "status": STATUS_WORDS[status["status"].to_numpy()]})  # fmt: skip
    mine = inputs.sessions[inputs.sessions["charger_id"].isin(ids)].reset_index(drop=True)
    sessions = pd.DataFrame({"charger_id": mine["charger_id"], "start": times(mine["start"]), "end": times(mine["end"]),
                             "energy_kwh": mine["energy_kwh"], "success": mine["success"]})  # fmt: skip
    return charge_attempts(told, sessions, thresholds)
