"""How bad an incident is: from safety, the ports that still work, the year's uptime budget, and what is lost.

Pure: arrays in, arrays out; no database, no clock.
"""

import numpy as np

from .states import Severity

# Causes by which a person can come to harm: a ground fault, a contactor that cannot open, a broken housing, a hot cable
# (INL MREC CX002, CX017, CX026; EVgo F009).
SAFETY_CAUSES = frozenset({"ground_gfci", "contactor_weld", "vandal_impact", "connector_cable"})
UPTIME_SHARE = 0.97  # of a year that a port must work by the US rules (23 CFR 680.116)
BUDGET_HOURS = (1 - UPTIME_SHARE) * 8760  # 262.8 h a year
COSTLY_PER_HOUR = 20.0  # money an hour that a site loses, from which an incident is one step worse


def severities(causes, ports_working, hours_out_this_year, loss_per_hour, risk) -> tuple[np.ndarray, list[str]]:
    """Severity (0-3, index in Severity) and why, of n incidents given as arrays of n.

    `ports_working`: other ports of the site that work; `hours_out_this_year`: what the charger has used of its budget
    (nan: of no charger); `loss_per_hour`: money that the site loses; `risk`: probability of a failure that is only
    expected (nan: it has happened). Rules, the worst counts: safety is critical; no port left, or the budget used up,
    is major; a costly site is one step worse; a failure that is only expected is moderate, and major above 90 %.
    """
    is_safety = np.isin(causes, list(SAFETY_CAUSES))
    working, risk = np.asarray(ports_working, float), np.asarray(risk, float)
    used, loss = np.asarray(hours_out_this_year, float), np.asarray(loss_per_hour, float)
    happened = np.isnan(risk)
    none_left, spent = happened & (working <= 0), happened & (used >= BUDGET_HOURS)
    likely, costly = ~happened & (risk >= 0.9), happened & (loss >= COSTLY_PER_HOUR)
    level = np.where(none_left | spent | likely, 2, np.where(happened & (working >= 4) & ~costly, 0, 1))
    level = np.where(happened & is_safety, 3, np.minimum(level + costly, 3))
    why = [
        (is_safety & happened, "people could come to harm"),
        (none_left, "no other port of the site works"),
        (spent, "the year's uptime budget is used up"),
        (costly, "the site earns much"),
        (likely, "very likely to fail"),
    ]
    reasons = [", ".join(word for mask, word in why if mask[row]) for row in range(len(level))]
    return level.astype(int), reasons


def named(level: int) -> Severity:
    """The severity of a number from `severities`."""
    return Severity(Severity.values[level])
