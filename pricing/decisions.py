"""What people decide about prices: approve or reject what a policy proposes, stop all prices and let them go on."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from stations.broker import tell
from stations.models import FleetEvent, Operator
from telemetry.loop_lock import one_at_a_time

from .models import PriceChange, PriceProposal, PricingStop

SHOW_NOW, SOON_SECONDS = "sntry_site.advance_now", 10


class Refused(Exception):
    """What was asked for cannot be done; the message says why, for the person who asked."""


@transaction.atomic
def approve(proposal: PriceProposal, by, at: datetime) -> PriceChange:
    """Open the surge of a waiting proposal and its discount, with the policy's notice. Raises Refused."""
    one_at_a_time()
    waiting = PriceProposal.objects.select_for_update(of=("self",)).waiting().filter(pk=proposal.pk)
    proposal = waiting.select_related("site__operator", "policy").first()
    if proposal is None or proposal.expires_at <= at:
        raise Refused("It was decided already, or waited for too long; a new proposal comes if the stress lasts.")
    _check(proposal, at)
    stored = {proposal.policy.numbers: proposal.policy}
    inputs = {proposal.site_id: proposal.inputs}
    opened = PriceChange.objects.open(proposal.openings(at), inputs, stored, at, by)
    if not opened:
        raise Refused(f"Another price change of {proposal.site} holds in that period; wait until it has ended.")
    proposal.decide(PriceProposal.State.APPROVED, by, at)
    PriceProposal.objects.filter(pk=proposal.pk).update(change=opened[0])
    for change in opened:
        what = "OPENED" if change.applied else "ANNOUNCED"
        _log(change, what, change.old_price, change.new_price, f"approved: {change.reason}", by, at)
    _show_soon()
    return opened[0]


def _check(proposal: PriceProposal, at: datetime) -> None:
    site = proposal.site
    if PricingStop.objects.in_force(at).filter(Q(operator=site.operator) | Q(operator=None)).exists():
        raise Refused(f"Prices of {site.operator} are stopped; end the stop first.")
    if site.base_price != proposal.base_price or site.price_is_regulated:
        raise Refused(f"The tariff of {site} has changed since; reject this, a new proposal comes if the stress lasts.")
    if not proposal.base_price <= proposal.new_price <= proposal.highest_price:
        raise Refused(f"The policy allows {proposal.base_price} to {proposal.highest_price} at {site}.")


@transaction.atomic
def reject(proposals, by, at: datetime) -> int:
    """Close waiting proposals without any change; returns how many."""
    rows = PriceProposal.objects.waiting().filter(pk__in=[each.pk for each in proposals])
    return rows.update(state=PriceProposal.State.REJECTED, decided_by=by, decided_at=at)


@transaction.atomic
def stop_prices(stop: PricingStop, at: datetime) -> list[PriceChange]:
    """Store a stop, put every price and limit of its operator, or of all, back to base now, and reject proposals."""
    one_at_a_time()
    stop.starts_at = at
    stop.save()
    mine = {} if stop.operator is None else {"site__operator": stop.operator}
    reason = stop.get_why_display().lower()
    closed = PriceChange.objects.filter(**mine).close(at, reason)
    reject(PriceProposal.objects.waiting().filter(**mine), stop.by, at)
    for change in closed:
        price = change.new_price if change.applied else change.old_price
        _log(change, "CLOSED", price, change.site.base_price, reason, stop.by, at)
    _log_stop(stop, "PRICES_STOPPED", f"{stop}; {len(closed)} changes put back. {stop.note}", at)
    _show_soon()
    return closed


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
