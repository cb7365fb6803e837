"""What people decide about prices: approve or reject what a policy proposes, stop all prices and let them go on."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from stations.broker import tell
from stations.models import FleetEvent, Operator, PricingType, Site
from telemetry.loop_lock import one_at_a_time

from .engine import LIMIT
from .models import PriceChange, PriceProposal, PricingStop
from .periods import day_of

SHOW_NOW, SOON_SECONDS = "sntry_site.advance_now", 10


class Refused(Exception):
    """What was asked for cannot be done; the message says why, for the person who asked."""


@transaction.atomic
def approve(proposal: PriceProposal, by, at: datetime) -> PriceChange:
    """Open the surge of a waiting proposal and its discount, with the policy's notice. Raises Refused.

    A limit on the site's power ends, because an announced surge goes on with it.
    """
    one_at_a_time()
    waiting = PriceProposal.objects.select_for_update(of=("self",), no_key=True).waiting().filter(pk=proposal.pk)
    related = ("site__operator", "policy", "neighbour__operator", "neighbour_policy")
    proposal = waiting.select_related(*related).first()
    if proposal is None or proposal.expires_at <= at:
        raise Refused("It was decided already, or waited for too long; a new proposal comes if the stress lasts.")
    _check(proposal, at)
    stored = {each.numbers: each for each in (proposal.policy, proposal.neighbour_policy) if each}
    openings, inputs = proposal.openings(at), {proposal.site_id: proposal.inputs}
    limits = PriceChange.objects.filter(site=proposal.site, kind=LIMIT).close(at, "a price follows")
    opened = PriceChange.objects.open(openings, inputs, stored, at, by)
    if len(opened) < len(openings):
        where = proposal.neighbour if opened else proposal.site
        raise Refused(f"Another price change of {where} holds in that period; wait until it has ended.")
    proposal.decide(PriceProposal.State.APPROVED, by, at)
    PriceProposal.objects.filter(pk=proposal.pk).update(change=opened[0])
    for limit in limits:
        _log(limit, "CLOSED", limit.new_price, limit.old_price, "a price follows", by, at)
    for change in opened:
        what = "OPENED" if change.applied else "ANNOUNCED"
        _log(change, what, change.old_price, change.new_price, f"approved: {change.reason}", by, at)
    _show_soon()
    return opened[0]


def _check(proposal: PriceProposal, at: datetime) -> None:
    """Whether everything holds still that it was proposed from, of both sites. Raises Refused."""
    if proposal.policy.valid_until is not None and proposal.policy.valid_until <= at:
        raise Refused(f"{proposal.policy} is not in force any more; what holds now proposes anew.")
    _check_site(proposal.site, proposal.base_price, at)
    if proposal.neighbour is not None:
        _check_site(proposal.neighbour, proposal.neighbour_base_price, at)
        _check_budget(proposal, at)
    if not proposal.is_price_allowed:
        raise Refused(f"The policy allows {proposal.base_price} to {proposal.highest_price} at {proposal.site}.")
    if not proposal.are_minutes_allowed:
        raise Refused(f"At {proposal.site} 1 to {proposal.proposed_minutes} minutes can be approved.")


def _check_site(site: Site, base_price: Decimal, at: datetime) -> None:
    if PricingStop.objects.in_force(at).filter(Q(operator=site.operator) | Q(operator=None)).exists():
        raise Refused(f"Prices of {site.operator} are stopped; end the stop first.")
    if site.base_price != base_price or site.price_is_regulated or site.pricing_type == PricingType.FREE:
        raise Refused(f"The tariff of {site} has changed since; a new proposal comes if the stress lasts.")


def _check_budget(proposal: PriceProposal, at: datetime) -> None:
    budget = (proposal.neighbour_policy or proposal.policy).discount_budget
    if budget is None:
        return
    day = day_of(at, ZoneInfo(settings.DATA_TIME_ZONE))
    spent = PriceChange.objects.spent(day.begins_at).get(proposal.neighbour.operator_id, Decimal(0))
    if spent + proposal.cost_now > budget:
        raise Refused(f"Discounts of {proposal.neighbour.operator} may cost {budget} a day, and {spent} is promised.")


@transaction.atomic
def reject(proposals, by, at: datetime) -> int:
    """Close waiting proposals without any change; returns how many."""
    rows = PriceProposal.objects.waiting().filter(pk__in=[each.pk for each in proposals])
    return rows.update(state=PriceProposal.State.REJECTED, decided_by=by, decided_at=at)


@transaction.atomic
def stop_prices(stop: PricingStop, at: datetime) -> list[PriceChange]:
    """Store a stop, put every price and limit of its operator, or of all, back to base now, and reject proposals.

    What its surges made cheaper at other operators' sites goes back, too, as nothing is left to take load from.
    """
    one_at_a_time()
    stop.starts_at = at
    stop.save()
    reason = stop.get_why_display().lower()
    closed = PriceChange.objects.filter(_of(stop, "site", "surge__site")).close(at, reason)
    reject(PriceProposal.objects.waiting().filter(_of(stop, "site", "neighbour")), stop.by, at)
    for change in closed:
        price = change.new_price if change.applied else change.old_price
        _log(change, "CLOSED", price, change.site.base_price, reason, stop.by, at)
    _log_stop(stop, "PRICES_STOPPED", f"{stop}; {len(closed)} changes put back. {stop.note}", at)
    _show_soon()
    return closed


def _of(stop: PricingStop, *paths: str) -> Q:
    """Rows of which any of the sites at `paths` is of the stop's operator; all where it is for all."""
    if stop.operator is None:
        return Q()
    return Q(*((f"{path}__operator", stop.operator) for path in paths), _connector=Q.OR)


@transaction.atomic
def end_stop(stop: PricingStop, by, at: datetime) -> None:
    """Let policies act again."""
    PricingStop.objects.in_force(at).filter(pk=stop.pk).update(ends_at=at)
    stop.by = by
    _log_stop(stop, "PRICES_RELEASED", str(stop), at)


def _log_stop(stop: PricingStop, kind: str, text: str, at: datetime) -> None:
    """An event for each operator that it concerns, because events are seen by operator."""
    operators = [stop.operator] if stop.operator else Operator.objects.all()
    FleetEvent.objects.bulk_create(
        FleetEvent(at=at, kind=kind, operator=each, message=text[:300], actor=stop.by) for each in operators
    )


def _log(change: PriceChange, what: str, old: Decimal, new: Decimal, why: str, by, at: datetime) -> None:
    FleetEvent.objects.create(
        at=at, kind=f"{change.kind.upper()}_{what}", site_id=change.site_id, operator_id=change.site.operator_id,
        message=why[:300], old_price=old, new_price=new, actor=by,
    )  # fmt: skip


def _show_soon() -> None:
    """Ask for a beat after the commit. If the broker is away the next tick shows it all the same."""
    transaction.on_commit(lambda: tell(SHOW_NOW, [[]], expires=SOON_SECONDS))
