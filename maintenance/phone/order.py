"""One order on a phone: what to know, what to tick off, and the step that comes next."""

import math

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from telemetry.models import Cause

from ..models import ChecklistItem, WorkOrder
from ..models.steps import Overtaken, Refused
from ..states import ENDED_STATES, Action, State
from . import times
from .access import order_or_404, technician_required
from .card import card, chargers_of, in_catalogue, need_of, parts

MOST_MINUTES = 24 * 60


@require_safe
@technician_required
def page(request, pk: int):
    """All of one order."""
    order = order_or_404(request, pk)
    return render(request, "work/order.html", card(order, request.user))


@require_safe
@technician_required
def status(request, pk: int):
    """What its chargers report now; the page asks again and again."""
    order = order_or_404(request, pk)
    return render(request, "work/status.html", {"order": order, "chargers": chargers_of(order)})


@require_POST
@technician_required
def step(request, pk: int):
    """Bring the order into its next state, with what was written down; sent twice with one key it counts once."""
    order, data = order_or_404(request, pk), request.POST
    to, problems = data.get("to", ""), _write_down(order, data)
    if to not in State.values:
        problems.append("Choose what happens next.")
    version = data.get("version", "")
    if not version.isdecimal():
        problems.append("This page is too old to be sent: load it again.")
    if problems:
        return _answer(request, order, 422, problems)
    try:
        if to == State.RESOLVED:
            _fill_times(order)
        order.move(
            to, by=request.user, expected_version=int(version), note=data.get("note", "")[:300],
            hold_reason=data.get("hold_reason", ""), key=data.get("key", "")[:64] or None,
        )  # fmt: skip
    except Refused as refused:
        return _answer(request, order, 422, refused.problems)
    except Overtaken as overtaken:
        return _answer(request, order, 409, [str(overtaken)])
    return _answer(request, order, 200)


@require_POST
@technician_required
def draft(request, pk: int):
    """Keep what has been typed so far."""
    problems = _write_down(order_or_404(request, pk), request.POST)
    words = " ".join(problems) or "Saved"
    return HttpResponse(words, status=422 if problems else 200, content_type="text/plain; charset=utf-8")


@require_POST
@technician_required
def answer(request, pk: int, item: int):
    """Tick one thing of the checklist off, or write down what was measured."""
    order = order_or_404(request, pk)
    row = get_object_or_404(ChecklistItem, pk=item, order=order)
    problem = _against_answer(order, row, request.POST.get("answer", ""))
    if not problem:
        row.answer = request.POST.get("answer", "").strip()[:500]
        row.done_at = timezone.now() if row.answer else None
        row.save(update_fields=["answer", "done_at"])
    values = {"order": order, "item": row, "problem": problem}
    return render(request, "work/item.html", values, status=422 if problem else 200)


@require_POST
@technician_required
def part(request, pk: int, need: int):
    """Say that a part was used, or that it goes back."""
    order = order_or_404(request, pk)
    row, said, problems = need_of(order, need), request.POST.get("said"), _ended(order)
    if row is None or said not in ("used", "back"):
        problems.append("This part is not on the order any more.")
    if not problems:
        change = order.use_parts if said == "used" else order.return_parts
        change([row.part_id], timezone.now(), request.user)
    return _parts(request, order, problems)


@require_POST
@technician_required
def add_part(request, pk: int):
    """Take one more part, from the van or else from the service centre."""
    order = order_or_404(request, pk)
    chosen, problems = in_catalogue(request.POST.get("part", "")), _ended(order)
    if chosen is None:
        problems.append("Choose a part.")
    if not problems:
        with transaction.atomic():
            if not order.need_part(chosen.pk, 1, timezone.now(), request.user):
                problems.append(f"{chosen} is neither in the van nor in the service centre: put the order on hold.")
                transaction.set_rollback(True)  # because what nobody has is not needed twice when it is asked for again
    return _parts(request, order, problems)


def _parts(request, order: WorkOrder, problems: list[str]):
    values = {**parts(order), "problems": problems}
    return render(request, "work/parts.html", values, status=422 if problems else 200)


def _answer(request, order: WorkOrder, code: int, problems=()):
    """The card anew; without HTMX the page that has it, unless there is something to say."""
    order = order_or_404(request, order.pk) if code != 200 else WorkOrder.objects.select_related(
        "site__operator", "charger__state", "incident__diagnosis", "technician__centre"
    ).get(pk=order.pk)  # fmt: skip
    is_mine = order.technician == request.technician
    if not request.headers.get("HX-Request"):
        if code == 200:
            return redirect("work-order", order.pk) if is_mine else redirect("work-day")
        return render(request, "work/order.html", card(order, request.user, problems=problems), status=code)
    if not is_mine:
        return HttpResponse(headers={"HX-Redirect": "/work/"})
    return render(request, "work/card.html", card(order, request.user, problems=problems), status=code)


def _ended(order: WorkOrder) -> list[str]:
    return [f"{order.number} has ended: nothing of it can be changed."] if order.state in ENDED_STATES else []


def _write_down(order: WorkOrder, data) -> list[str]:
    """Keep those fields of the report that are in `data`; returns what is wrong with them, and keeps the others."""
    if _ended(order):
        return _ended(order)
    problems, changed = [], []
    for name, choices in (("found_cause", Cause.values), ("action", Action.values)):
        if name in data and data[name] in ("", *choices):
            changed.append((name, data[name]))
        elif name in data:
            problems.append(f"{WorkOrder._meta.get_field(name).verbose_name.capitalize()}: choose one of the list.")
    if "resolution" in data:
        changed.append(("resolution", data["resolution"].replace("\x00", "")[:2000]))
    for name, words in (("minutes_travel", "Travel"), ("minutes_work", "Work")):
        if data.get(name, "").strip():
            minutes = _minutes(data[name])
            changed += [(name, minutes)] if minutes is not None else []
            problems += [] if minutes is not None else [f"{words}: whole minutes between 0 and {MOST_MINUTES}."]
    for name, value in changed:
        setattr(order, name, value)
    if changed:
        order.save(update_fields=[name for name, _ in changed])
    return problems


def _minutes(text: str) -> float | None:
    try:
        minutes = float(text.replace(",", "."))
    except ValueError:
        return None
    return minutes if math.isfinite(minutes) and 0 <= minutes <= MOST_MINUTES else None


def _fill_times(order: WorkOrder) -> None:
    """Minutes that nobody entered are those that the steps say."""
    travel, work = times.spent(order, timezone.now())
    order.minutes_travel, order.minutes_work = float(travel), float(work)
    order.save(update_fields=["minutes_travel", "minutes_work"])


def _against_answer(order: WorkOrder, item: ChecklistItem, said: str) -> str:
    if order.state in ENDED_STATES:
        return _ended(order)[0]
    if item.kind == ChecklistItem.Kind.NUMBER and said.strip():
        try:
            is_number = math.isfinite(float(said.replace(",", ".")))
        except ValueError:
            is_number = False
        if not is_number:
            return "Write a number, for example 0.5."
    return ""
