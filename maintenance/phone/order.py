"""One order on a phone: what to know, what to tick off, and the step that comes next."""

import math

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from stations.change_history import LONGEST
from stations.models import AuditEntry
from telemetry.models import Cause

from ..models import ChecklistItem, Overtaken, Part, Refused, WorkOrder, WorkOrderChange
from ..states import Action, State
from . import times
from .access import order_or_404, orders_of, sent, technician_required
from .card import AT_WORK, card, chargers_of, in_catalogue, need_of, not_at_work, parts

MOST_MINUTES, MOST_PIECES = 24 * 60, 20


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
    key = f"{pk}-{sent(request, 'key', 40)}" if request.POST.get("key") else None
    if key and WorkOrderChange.objects.filter(key=key, order=pk, by=request.user).exists():
        return _answer(request, WorkOrder.objects.get(pk=pk), 200)
    order = order_or_404(request, pk)
    try:
        problems = _carry_out(request, order, key)
    except Overtaken as overtaken:
        return _answer(request, order, 409, [str(overtaken)])
    return _answer(request, order, 422 if problems else 200, problems)


@transaction.atomic
def _carry_out(request, order: WorkOrder, key: str | None) -> list[str]:
    """Write down what was sent and make the step; returns what stands against it. Overtaken: nothing is kept."""
    to, version = request.POST.get("to", ""), request.POST.get("version", "")[:9]
    if not version.isdecimal():
        return ["This page is too old to be sent: load it again."]
    if int(version) != order.version:
        raise Overtaken(order)
    problems = _write_down(order, request) if order.state in AT_WORK else []
    if to not in State.values:
        problems.append("Choose what happens next.")
    if problems:
        return problems
    try:
        with transaction.atomic():  # because the minutes that were counted stay open while the step is refused
            if to == State.RESOLVED:
                _fill_times(order)
            order.move(
                to, by=request.user, expected_version=int(version), note=sent(request, "note", 300),
                hold_reason=sent(request, "hold_reason", 20), key=key, duplicate_of=_number(request, "duplicate_of"),
            )  # fmt: skip
    except Refused as refused:
        order.refresh_from_db()
        return refused.problems
    return []


@require_POST
@technician_required
def draft(request, pk: int):
    """Keep what has been typed so far."""
    order = order_or_404(request, pk)
    problems = not_at_work(order) or _write_down(order, request)
    words = " ".join(problems) or "Saved"
    return HttpResponse(words, status=422 if problems else 200, content_type="text/plain; charset=utf-8")


@require_POST
@technician_required
def answer(request, pk: int, item: int):
    """Tick one thing of the checklist off, or write down what was measured."""
    order = order_or_404(request, pk)
    row = get_object_or_404(ChecklistItem, pk=item, order=order)
    said = sent(request, "answer", 500)
    problem = _against_answer(order, row, said)
    if not problem:
        _keep_answer(row, said.strip(), request.user)
    values = {"order": order, "item": row, "problem": problem}
    return render(request, "work/item.html", values, status=422 if problem else 200)


@require_POST
@technician_required
def part(request, pk: int, need: int):
    """Say that a part was used, or that it goes back."""
    order = order_or_404(request, pk)
    row, said, problems = need_of(order, need), request.POST.get("said"), not_at_work(order)
    if row is None or said not in ("used", "back"):
        problems.append("This part is not on the order any more.")
    if not problems:
        change = order.use_parts if said == "used" else order.return_parts
        change([row.part_id], timezone.now(), request.user)
    return _parts(request, order, problems)


@require_POST
@technician_required
def add_part(request, pk: int):
    """Take so many pieces of a part in all, from the van or else the service centre; asked again it takes no more."""
    order = order_or_404(request, pk)
    chosen, problems = in_catalogue(sent(request, "part", 18)), not_at_work(order)
    pieces = sent(request, "pieces", 2)
    if chosen is None or not pieces.isdecimal() or not 1 <= int(pieces) <= MOST_PIECES:
        problems.append(f"Choose a part, and 1 to {MOST_PIECES} pieces of it.")
    if not problems:
        with transaction.atomic():
            if not _has(order, chosen, int(pieces), request.user):
                problems.append(f"{chosen} is neither in the van nor in the service centre: put the order on hold.")
                transaction.set_rollback(True)  # because what nobody has is not needed twice when it is asked for again
    return _parts(request, order, problems)


def _has(order: WorkOrder, part: Part, pieces: int, by) -> bool:
    """Whether the order has so many pieces of a part, after as many as are missing were put aside for it."""
    need = order.parts.select_for_update().filter(part=part).first()
    if need and need.reserved + need.used >= pieces:
        return True
    return order.need_part(part.pk, max(pieces - (need.proposed if need else 0), 0), timezone.now(), by)


def _parts(request, order: WorkOrder, problems: list[str]):
    values = {**parts(order), "problems": problems}
    return render(request, "work/parts.html", values, status=422 if problems else 200)


def _answer(request, order: WorkOrder, code: int, problems=()):
    """The card anew; without HTMX the page that has it. Who has the order no more goes back to the day."""
    mine = orders_of(request).filter(pk=order.pk).first()
    is_part = request.headers.get("HX-Request")
    if mine is None:
        return HttpResponse(headers={"HX-Redirect": reverse("work-day")}) if is_part else redirect("work-day")
    if not is_part and code == 200:
        return redirect("work-order", mine.pk)
    template = "work/card.html" if is_part else "work/order.html"
    return render(request, template, card(mine, request.user, problems=problems), status=code)


def _write_down(order: WorkOrder, request) -> list[str]:
    """Keep those fields of the report that were sent; returns what is wrong with them, and keeps the others."""
    problems, changed, data = [], [], request.POST
    for name, choices in (("found_cause", Cause.values), ("action", Action.values)):
        if name in data and data[name] in ("", *choices):
            changed.append((name, data[name]))
        elif name in data:
            problems.append(f"{WorkOrder._meta.get_field(name).verbose_name.capitalize()}: choose one of the list.")
    if "resolution" in data:
        changed.append(("resolution", sent(request, "resolution", 2000)))
    for name, words in (("minutes_travel", "Travel"), ("minutes_work", "Work")):
        if data.get(name, "").strip():
            minutes = _minutes(data[name])
            changed += [(name, minutes)] if minutes is not None else []
            problems += [] if minutes is not None else [f"{words}: minutes between 0 and {MOST_MINUTES}."]
    _keep_report(order, dict(changed), request.user)
    return problems


@transaction.atomic
def _keep_report(order: WorkOrder, values: dict, by) -> None:
    """Keep the fields that differ from what they were, and who has written them."""
    before = {name: getattr(order, name) for name, value in values.items() if getattr(order, name) != value}
    for name in before:
        setattr(order, name, values[name])
    if before:
        order.save(update_fields=list(before))
        told = {name: [_told(old), _told(values[name])] for name, old in before.items()}
        AuditEntry.objects.note("report written", by=by, about=order, fields=told)


@transaction.atomic
def _keep_answer(item: ChecklistItem, answer: str, by) -> None:
    """Keep what was ticked off or measured, and who has."""
    told = {"step": item.text, "answer": [_told(item.answer), _told(answer)]}
    if item.answer != answer:
        AuditEntry.objects.note("checklist answered", by=by, about=item.order, **told)
    item.answer = answer
    item.done_at = timezone.now() if answer else None
    item.save(update_fields=["answer", "done_at"])


def _told(value) -> str:
    return "" if value is None else str(value)[:LONGEST]


def _minutes(text: str) -> float | None:
    try:
        minutes = float(text.replace(",", "."))
    except ValueError:
        return None
    return minutes if math.isfinite(minutes) and 0 <= minutes <= MOST_MINUTES else None


def _number(request, name: str) -> int | None:
    """A number that was sent, for what has one; None where it is none."""
    text = sent(request, name, 18)
    return int(text) if text.isascii() and text.isdecimal() else None


def _fill_times(order: WorkOrder) -> None:
    """Minutes that nobody entered are those that the steps say."""
    travel, work = times.spent(order, timezone.now())
    order.minutes_travel, order.minutes_work = float(travel), float(work)
    order.save(update_fields=["minutes_travel", "minutes_work"])


def _against_answer(order: WorkOrder, item: ChecklistItem, said: str) -> str:
    if not_at_work(order):
        return not_at_work(order)[0]
    if item.kind == ChecklistItem.Kind.NUMBER and said.strip():
        try:
            is_number = math.isfinite(float(said.replace(",", ".")))
        except ValueError:
            is_number = False
        if not is_number:
            return "Write a number, for example 0.5."
    return ""
