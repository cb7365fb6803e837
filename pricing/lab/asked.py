"""A comparison as somebody asks for it, by the names of stored policies; and what came of it, in a job's words."""

from pathlib import Path

from django.conf import settings

from ..models import SurgePolicy
from .compare import Comparison, compare
from .measures import NONE, PER_PERCENT, report

KIND = "compare_policies"
LIMITS = {"seeds": (2, 200), "days": (2, 366), "sites": (20, 1000)}
LOWEST_ELASTICITY = -3.0
MOST_ELASTICITIES = 10


class BadRequest(Exception):
    """The comparison cannot be made as asked; the message names what is wrong and what to do."""


def comparison_of(policies: list[str], elasticities: list[float], seeds: int, days: int, sites: int) -> Comparison:
    """The comparison of the latest versions of these policies for all. Raises BadRequest."""
    for name, value in (("seeds", seeds), ("days", days), ("sites", sites)):
        least, most = LIMITS[name]
        if not least <= value <= most:
            raise BadRequest(f"{name} must be {least} to {most}, not {value}.")
    if not elasticities or any(not LOWEST_ELASTICITY <= each < 0 for each in elasticities):
        raise BadRequest(f"Each elasticity must be below 0 and at least {LOWEST_ELASTICITY:g}.")
    if len(elasticities) > MOST_ELASTICITIES:
        raise BadRequest(f"elasticities: name {MOST_ELASTICITIES} at most, not {len(elasticities)}.")
    SurgePolicy.objects.ensure_shipped()
    stored = {row.name: row for row in SurgePolicy.objects.filter(operator=None).order_by("name", "version")}
    wanted = list(dict.fromkeys(name for name in policies if name != NONE))
    missing = [name for name in wanted if name not in stored]
    if missing or not wanted:
        known = ", ".join([NONE, *stored])
        raise BadRequest(f"There is no policy {missing[0]!r}; there are {known}." if missing else "Name a policy.")
    rules = tuple(stored[name].numbers for name in wanted)
    return Comparison(rules, tuple(dict.fromkeys(elasticities)), seeds, days, sites)


def results_folder() -> Path:
    """Where runs are kept, so that an interrupted comparison goes on and a larger one begins with what is there."""
    return Path(settings.VAR_DIR) / "policy_lab"


def carry_out(comparison: Comparison, progress) -> dict:
    """Live the worlds; the result of a job: a summary and the report."""
    groups = report(compare(comparison, results_folder(), progress))
    return {"summary": summary(groups), "report": {"groups": groups}}


def summary(groups: list[dict]) -> str:
    """What the comparison comes to, in a sentence for each policy at its first elasticity."""
    said = []
    for group in {each["policy"]: each for each in reversed(groups)}.values():
        found = {one["name"]: one for one in group["findings"]}
        avoided, energy, ratio = (found[name]["value"] for name in ("outages", "energy served", PER_PERCENT))
        per = "" if ratio is None else f", {ratio:.1f} avoided per 1 % of energy"
        said.append(
            f"{group['policy']} (elasticity {group['elasticity']:g}): {avoided:+.0f} outages a run,"
            f" {energy:+.2f} % energy{per}"
        )
    return "; ".join(sorted(said)) + "."
