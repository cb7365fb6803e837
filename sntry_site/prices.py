"""The prices of one beat: what ends, what begins, what is to be opened, and what waits for somebody."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings

from pricing import view
from pricing.engine import LIMIT, NOT_ENOUGH, Opening, Sites, decide, due_to_end, stress
from pricing.models import PriceChange, PriceProposal, PricingStop, SurgePolicy
from pricing.periods import day_of, histories
from stations.models import FleetEvent, PricingType
from stations.models.places import ChargerType
from telemetry.models import SiteState
from telemetry.models.ticks import SLOT_SECONDS

from .beat import Beat

FREE = 1 + PricingType.values.index(PricingType.FREE)
UNKNOWN_KINDS = (0, 1 + ChargerType.values.index(ChargerType.UNKNOWN))
REMEMBERED = timedelta(days=2)  # longer than any cool-down and any day


def reprice(beat: Beat) -> None:
    """End the price changes that are due, begin those announced, and decide anew; of the whole network at once."""
    changes = PriceChange.objects.for_engine()
    policies = SurgePolicy.objects.in_force(beat.at)
    sites = pricing_view(beat, policies, [change.site for change in changes])
    due = due_to_end(changes, sites, beat.at)
    for change in PriceChange.objects.filter(pk__in=due).close(beat.at, due) if due else []:
        tell_end(beat, change, change.ended_because or due[change.pk])
    for change in PriceChange.objects.begin_due(beat.at):
        tell(beat, change, "OPENED", change.old_price, change.new_price, change.reason)
    limited = {change.site for change in changes if due.get(change.id) == NOT_ENOUGH}
    held = [change for change in changes if change.id not in due]
    open_changes(beat, sites, policies, {change.site for change in held}, limited)
    follow_base_prices(beat)
    follow_people(beat)
    beat.power_share = power_shares(beat)


def pricing_view(beat: Beat, policies: list[SurgePolicy], changed: list[int]) -> Sites:
    """What the policies may look at: the simulated sites as this beat has them, and the real ones as told.

    Heat is read where a policy asks for it and at the sites that are `changed`, whose change may be of another policy.
    """
    simulated, real = _simulated(beat), view.real_sites()
    columns = {name: np.concatenate([simulated[name], real[name]]) for name in simulated}
    count, is_simulated = len(columns["site"]), np.arange(len(columns["site"])) < len(simulated["site"])
    policy = SurgePolicy.objects.assigned(policies, columns["site"], columns["operator"], is_simulated)
    by_heat = np.isin(policy, [n for n, each in enumerate(policies) if each.trigger == SurgePolicy.Trigger.HEAT])
    by_heat |= np.isin(columns["site"], changed)
    # Nobody takes over from what is not known: where the connector is not, no port counts as one that fits.
    columns["ports"] = np.where(np.isin(columns["kind"], UNKNOWN_KINDS), 0, columns["ports"])
    heat = np.full(count, np.nan)
    heat[by_heat] = view.hottest_cabinets(columns["site"][by_heat], beat.at)
    return Sites(
        **columns,
        policy=policy,
        cabinet_c=heat,
        derated=np.full(count, np.nan),  # no charger tells it yet
        stopped=PricingStop.objects.stopped(columns["operator"], beat.at),
        changed=np.zeros(count, bool),
        waiting=np.zeros(count, bool),
        not_enough=np.zeros(count, bool),
        rested_seconds=np.full(count, np.inf),
        changes_today=np.zeros(count, int),
        surged_today=np.zeros(count),
    )


def _simulated(beat: Beat) -> dict[str, np.ndarray]:
    network, measured = beat.network, beat.measured
    return {
        "site": network["site"],
        "operator": network["operator"],
        "latitude": network["latitude"],
        "longitude": network["longitude"],
        "kind": network["charger_type"],
        "power_kw": network["power_kw"],
        "ports": measured.ports_available + measured.ports_occupied,
        "utilization": measured.utilization,
        "risk": beat.risk,
        "base": network["base_price"],
        "fixed": network["price_is_regulated"] | (network["pricing_type"] == FREE),
    }


def open_changes(beat: Beat, sites: Sites, policies: list[SurgePolicy], held: set[int], limited: set[int]) -> None:
    """Ask the engine where something is stressed, open what it decides, and queue what somebody has to approve."""
    rules = {row.numbers: row for row in policies}
    PriceProposal.objects.lapse(beat.at)
    if not any(stress(sites, rule)[0][sites.policy == place].any() for place, rule in enumerate(rules)):
        return
    day = day_of(beat.at, ZoneInfo(settings.DATA_TIME_ZONE))
    day = replace(day, spent=spent_and_promised(day.begins_at))
    since = beat.at - REMEMBERED
    past, refused = PriceChange.objects.past_surges(since), PriceProposal.objects.refusals(since)
    waiting = PriceProposal.objects.waiting().values_list("site_id", "neighbour_id")
    sites = replace(
        sites,
        changed=np.isin(sites.site, list(held)),
        waiting=np.isin(sites.site, [site for pair in waiting for site in pair if site]),
        not_enough=np.isin(sites.site, list(limited)),
        **histories(past, sites.site, beat.at, day, refused),
    )
    openings = decide(sites, list(rules), beat.at, day)
    inputs = decision_inputs(beat, sites, openings)
    asked = {each.site for each in openings if each.needs_approval}
    limits = [each for each in openings if each.kind == LIMIT]
    prices = [each for each in openings if each.kind != LIMIT]
    asking = [each for each in prices if each.site in asked or each.surge_site in asked]
    for proposal in PriceProposal.objects.propose(asking, inputs, rules, beat.at) if asking else []:
        tell_proposal(beat, proposal)
    acting = [each for each in prices if each.site not in asked and each.surge_site not in asked]
    for change in PriceChange.objects.open(limits + acting, inputs, rules, beat.at):
        what = "OPENED" if change.applied else "ANNOUNCED"
        tell(beat, change, what, change.old_price, change.new_price, change.reason)


def spent_and_promised(since: datetime) -> dict[int, Decimal]:
    """What the discounts cost, by operator: those announced since then and those that somebody may approve."""
    spent, promised = PriceChange.objects.spent(since), PriceProposal.objects.promised()
    return {each: spent.get(each, 0) + promised.get(each, 0) for each in spent.keys() | promised.keys()}


def decision_inputs(beat: Beat, sites: Sites, openings: list[Opening]) -> dict[int, dict]:
    """What each price decision was made from, to be kept beside it."""
    place_of = {site: place for place, site in enumerate(sites.site.tolist())}
    inputs = {}
    for opening in openings:
        place, here = place_of[opening.site], beat.place_of.get(opening.site)
        told = {name: getattr(sites, name)[place] for name in ("risk", "utilization", "cabinet_c", "rested_seconds")}
        if here is not None:
            told |= {name: getattr(beat.measured, name)[here] for name in ("temperature_f", "wait_minutes")}
        inputs[opening.site] = {name: round(float(value), 4) for name, value in told.items() if np.isfinite(value)}
        inputs[opening.site] |= {"scorer": beat.scorer, "version": opening.policy.version}
    return inputs


def follow_base_prices(beat: Beat) -> None:
    """Let a base price that somebody has edited or imported take effect where no price change holds the site's."""
    held = list(PriceChange.objects.applied().values_list("site_id", flat=True))
    prices = SiteState.objects.follow_base_prices(held)
    beat.new_prices.update({site: price for site, price in prices.items() if site in beat.place_of})


def follow_people(beat: Beat) -> None:
    """Let browsers see the prices that somebody has approved or stopped since the last tick."""
    since, network = beat.at - timedelta(seconds=2 * SLOT_SECONDS), beat.network
    recent = PriceChange.objects.filter(announced_at__gte=since).values_list("site_id", flat=True)
    told = np.isin(network["site"], list(recent))
    told |= PricingStop.objects.filter(starts_at__gte=since).stopped(network["operator"], beat.at)
    for site, price in zip(network["site"][told].tolist(), network["price"][told].tolist(), strict=True):
        beat.new_prices.setdefault(site, Decimal(price).scaleb(-4))


def power_shares(beat: Beat) -> np.ndarray:
    """Share of the rated power that each simulated site may give now; an announced surge goes on with its limit."""
    shares = np.ones(len(beat.network))
    limited = PriceChange.objects.open_ones().filter(power_share__lt=1)
    for site, share in limited.values_list("site_id", "power_share"):
        if site in beat.place_of:
            shares[beat.place_of[site]] = float(share)
    return shares


def tell_proposal(beat: Beat, proposal: PriceProposal) -> None:
    """Add an event of a proposal that waits for somebody."""
    event = FleetEvent(
        at=beat.at, kind="PRICE_PROPOSED", site_id=proposal.site_id, operator_id=proposal.site.operator_id,
        message=f"{proposal.policy} proposes a surge, which waits for approval: {proposal.reason}"[:300],
        old_price=proposal.base_price, new_price=proposal.new_price,
    )  # fmt: skip
    beat.events.append(event)


def tell_end(beat: Beat, change: PriceChange, why: str) -> None:
    """A change is over: the base price holds again. One that never began has not moved a price."""
    if change.applied:
        tell(beat, change, "CLOSED", change.new_price, change.site.base_price, why)
    else:
        tell(beat, change, "CANCELLED", change.old_price, change.old_price, why)


def tell(beat: Beat, change: PriceChange, what: str, old_price: Decimal, new_price: Decimal, why: str) -> None:
    """Add an event of a price change, and remember the price for the push."""
    if what != "ANNOUNCED" and change.site_id in beat.place_of:
        beat.new_prices[change.site_id] = new_price
    event = FleetEvent(
        at=beat.at, kind=f"{change.kind.upper()}_{what}", site_id=change.site_id, operator_id=change.site.operator_id,
        message=why[:300], old_price=old_price, new_price=new_price,
    )  # fmt: skip
    beat.events.append(event)
