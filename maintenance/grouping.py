"""Which failures are one incident of a whole site. Pure: plain rows in, groups out; no database, no clock."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

SITE_CAUSES = frozenset({"grid_supply"})  # a lost supply is the site's, however many chargers have told it yet
SHARED_CAUSES = frozenset({"comms_backhaul"})  # where half of a site's chargers have it, it is the site's


@dataclass(frozen=True)
class Out:
    """A charger that does not work: where it is, and of which cause as far as anybody can tell."""

    charger: int
    site: int
    cause: str


@dataclass
class Group:
    """One incident: of a charger, or (`is_site`) of a site with the chargers under it."""

    site: int
    cause: str
    is_site: bool
    chargers: list[int] = field(default_factory=list)


def groups(new: Iterable[Out], known: Iterable[Out], chargers_of: dict[int, int]) -> list[Group]:
    """The incidents that the `new` failures are, given those that are `known` already and how many chargers sites have.

    A site's incident: its supply is lost; half of its chargers, two at least, have lost their connection; or all of
    its chargers, two at least, are out.
    """
    by_site: dict[int, list[Out]] = defaultdict(list)
    for out in new:
        by_site[out.site].append(out)
    known_by_site: dict[int, list[Out]] = defaultdict(list)
    for out in known:
        known_by_site[out.site].append(out)
    found: list[Group] = []
    for site, outs in by_site.items():
        found += _groups_of_site(site, outs, known_by_site[site], chargers_of.get(site, 0))
    return found


def _groups_of_site(site: int, new: list[Out], known: list[Out], total: int) -> list[Group]:
    everything = [*new, *known]
    if total >= 2 and len(everything) >= total:
        cause = Counter(out.cause for out in everything).most_common(1)[0][0]
        return [Group(site, cause, True, [out.charger for out in new])]
    having = Counter(out.cause for out in everything)
    shared = {cause for cause in SHARED_CAUSES if having[cause] >= max(2, total / 2)}
    of_site = {cause: Group(site, cause, True) for cause in SITE_CAUSES | shared}
    single = []
    for out in new:
        if out.cause in of_site:
            of_site[out.cause].chargers.append(out.charger)
        else:
            single.append(Group(site, out.cause, False, [out.charger]))
    return [*(group for group in of_site.values() if group.chargers), *single]
