"""What an order still lacks before it can be resolved, as a whole list and not one thing at a time."""

from collections import defaultdict

from django.db.models import Count

from ..states import Action
from .checklists import ChecklistItem, Photo
from .parts import OrderPart

LEAST_RESOLUTION = 10  # characters of what was done, in words


def missing(orders) -> dict[int, list[str]]:
    """What each of `orders` lacks, as sentences by id; those that lack nothing are left out. Three queries for all."""
    ids = [order.pk for order in orders]
    lacks: dict[int, list[str]] = defaultdict(list)
    for item in ChecklistItem.objects.filter(order__in=ids, required=True, done_at=None).order_by("order", "place"):
        lacks[item.order_id].append(f"Checklist: {item.text}.")
    by_hand = [order.pk for order in orders if order.by_hand]
    taken = Photo.objects.filter(order__in=by_hand).order_by().values_list("order", "kind").annotate(n=Count("pk"))
    known = {(order, kind) for order, kind, _ in taken}
    for pk in by_hand:
        lacks[pk] += [f"A photo {kind.label.lower()} the work." for kind in Photo.Kind if (pk, kind.value) not in known]
    for need in OrderPart.objects.filter(order__in=ids, reserved__gt=0).select_related("part").order_by("order", "pk"):
        lacks[need.order_id].append(f"Say whether the part {need.part} was used or goes back.")
    for order in orders:
        lacks[order.pk] += _missing_codes(order)
    return {pk: sentences for pk, sentences in lacks.items() if sentences}


def _missing_codes(order) -> list[str]:
    """What the order's own fields lack."""
    sentences = []
    if order.minutes_work is None:
        sentences.append("The time of work, in minutes.")
    if order.minutes_travel is None:
        sentences.append("The time of travel, in minutes.")
    if not order.action:
        sentences.append("What was done (action code).")
    if not order.found_cause and order.action != Action.NONE_FOUND:
        sentences.append("The cause that was found.")
    if len(order.resolution.strip()) < LEAST_RESOLUTION:
        sentences.append(f"What was done, in words (at least {LEAST_RESOLUTION} characters).")
    return sentences
