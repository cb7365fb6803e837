"""Questions that need sessions: does load harm, what outages cost, do drivers succeed."""

import numpy as np
import pandas as pd

from telemetry import plots
from telemetry.reliability.answers import CannotAnswer
from telemetry.reliability.charge_attempts import Thresholds, charge_attempts, session_success
from telemetry.reliability.impact import Bootstrapped, bootstrap_total, lost_energy
from telemetry.reliability.load import hourly_panel, load_hazard
from telemetry.reliability.proportions import proportion_interval

from .answer import COUNTED, Answer, Figure, in_words
from .inputs import STATUS_WORDS, Inputs
from .outage_answers import few_note, share_of

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
        Figure("Outages at chargers that were up", found.onsets, decimals=0, note="one each, however long it lasted",
               no_interval=COUNTED),
        Figure("Charger-hours at risk", found.hours_at_risk, decimals=0, no_interval=COUNTED),
    ]  # fmt: skip
    terms = [name for name in found.coefficients.index if name != "constant"]
    table = pd.DataFrame({
        "term": [named(term) for term in terms], "hazard ratio": np.exp(found.coefficients[terms]).to_numpy(),
        "from": np.exp(found.ci.loc[terms, "low"]).to_numpy(), "to": np.exp(found.ci.loc[terms, "high"]).to_numpy(),
    })  # fmt: skip
    rows = [tuple(row) for row in table.itertuples(index=False)]
    notes = ["Load alone is tested; the other terms are there to be held constant, so that nothing is corrected for"
             " being several.", *few_note(found.n_clusters, "chargers")]  # fmt: skip
    return Answer(said, figures, [plots.rows("Hazard ratios", said, "times as often", rows, mark=1.0)], table, notes)


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
    energy = found.energy_kwh
    money = margins(inputs, found.by_charger, margin)
    said = f"Outages and failed sessions cost {in_words(energy.estimate)} kWh"
    if len(money) == 1:
        (currency, lost), *_ = money.items()
        said += f", {in_words(lost.estimate)} {currency} of margin, in {inputs.scope.days} days."
    else:
        said += (
            f" in {inputs.scope.days} days. Their operators sell in {len(money)} currencies, which are not added up."
        )
    figures = [_in_kwh("Energy not sold", energy, "by drawing chargers again")]
    figures += [Figure("Margin lost", lost.estimate, lost.ci_low, lost.ci_high, currency,
                       f"at {margin:g} {currency} per kWh, {recapture:.0%} sold anyway")
                for currency, lost in money.items()]  # fmt: skip
    figures += [_in_kwh("Of it by failed sessions", found.failed, _share(found.failed_kwh, energy.estimate)),
                _in_kwh("Of it by outages", found.outages, _share(found.outage_kwh, energy.estimate))]  # fmt: skip
    notes = few_note(energy.n_clusters, "chargers", "drawing chargers again")
    unknown = int(told["success"].isna().sum())
    if unknown:
        notes.append(f"Of {unknown:,} of {len(told):,} sessions it is not known whether they succeeded: what they"
                     " delivered is counted as sold, and they count neither as failed nor as successful.")  # fmt: skip
    names = inputs.chargers.set_index("charger_id")[["charger", "site"]]
    table = found.by_charger.join(names, on="charger_id").sort_values("lost_kwh", ascending=False)
    table = table[["charger", "site", "lost_kwh", "failed_kwh", "outage_kwh"]]
    by_site = table.groupby("site")["lost_kwh"].sum().nlargest(10)
    drawn = [plots.rows("Energy not sold, by site", "The ten sites that lose most.", "kWh",
                        [(site, kwh, None, None) for site, kwh in by_site.items()], write="{:,.0f}")]  # fmt: skip
    table = table.rename(columns=lambda name: name.replace("_", " "))
    return Answer(said, figures, drawn if len(by_site) else [], table, notes)


def margins(inputs: Inputs, by_charger: pd.DataFrame, margin: float) -> dict[str, Bootstrapped]:
    """Margin lost by currency, because amounts in different ones cannot be added up; drawn by charger."""
    currency = by_charger["charger_id"].map(inputs.chargers.set_index("charger_id")["currency"]).astype(str)
    return {
        name: bootstrap_total(margin * by_charger.loc[(currency == name).to_numpy(), "lost_kwh"].to_numpy())
        for name in sorted(currency.unique())
    }


def _in_kwh(label: str, found: Bootstrapped, note: str) -> Figure:
    return Figure(label, found.estimate, found.ci_low, found.ci_high, "kWh", note)


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
    known = result.attempts - result.unknown_attempts
    said = (
        f"{100 * result.success_share:.1f} % of {known:,} attempts to charge succeeded;"
        f" {100 * result.visit_success_share:.1f} % of visits ended with a charge."
    )
    if result.unknown_attempts:
        said += f" Of {result.unknown_attempts:,} more it is not known whether they did."
    by = f"by {share.n_clusters} sites or chargers" if share else "one charger: attempts counted as independent"
    figures = [
        _percent("Charging success rate", by_charger, "successes", "attempts", by),
        _percent("Attempts that started", by_charger, "started", "all_attempts"),
        _percent("Visits that succeeded", by_charger, "good_visits", "visits",
                 f"{result.visits:,} visits; judged by their last attempt"),
        _percent("At the first attempt", by_charger, "first_visits", "visits"),
        _percent("After two or more", by_charger, "troubled_visits", "visits"),
        _per_visit(by_charger),
    ]  # fmt: skip
    if result.unknown_attempts:
        figures.append(Figure("Attempts of unknown outcome", result.unknown_attempts, decimals=0, no_interval=COUNTED,
                              note="energy was delivered, but nobody said how it ended"))  # fmt: skip
    count = by_charger["site"].nunique()
    notes = few_note(count if count > 1 else len(by_charger), "sites or chargers")
    by_charger["unknown"] = by_charger["all_attempts"] - by_charger["attempts"]
    names = ["charger", "site", "charger_type", "attempts", "successes", "share", "unknown"]
    table = by_charger.sort_values("share")[names]
    rows = []
    for kind, group in by_charger.groupby("charger_type"):
        if one := share_of(group, "successes", "attempts"):
            rows.append((kind, 100 * one.estimate, 100 * one.ci_low, 100 * one.ci_high))
    drawn = [plots.rows("Charging success by type", said, "%", rows, write="{:.0f}")] if rows else []
    return Answer(said, figures, drawn, table.rename(columns={"charger_type": "type"}), notes)


def _percent(label: str, counts: pd.DataFrame, part: str, whole: str, note: str = "") -> Figure:
    """A share in percent by site or, at one site, by charger; of one charger alone by Wilson."""
    found, (parts, wholes) = share_of(counts, part, whole), counts[[part, whole]].sum()
    low, high = (found.ci_low, found.ci_high) if found else proportion_interval(parts, wholes)
    return Figure(label, 100 * parts / wholes, 100 * low, 100 * high, "%", note, 2)


def _per_visit(counts: pd.DataFrame) -> Figure:
    """Attempts per visit: one over the share of attempts that begin a visit."""
    found, (visits, attempts) = (
        share_of(counts, "all_visits", "all_attempts"),
        counts[["all_visits", "all_attempts"]].sum(),
    )
    low, high = (found.ci_low, found.ci_high) if found else proportion_interval(visits, attempts)
    label, note = "Attempts per visit", "1.1 to 1.3 is healthy"
    return Figure(label, attempts / visits, 1 / high, 1 / low if low > 0 else None, "", note, 2)


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
