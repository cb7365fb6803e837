"""The key figures of maintenance: how a period went, beside the one before it, with what each figure says exactly."""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

import numpy as np
import pandas as pd
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from maintenance import kpi_tables
from maintenance.kpi_definitions import Result, results
from maintenance.kpis import Estimate
from maintenance.models import Cause, ServiceCentre
from stations.access import operator_ids
from stations.models import Operator, Site
from telemetry import plots
from telemetry.analyses.answer import in_words
from telemetry.analyses.scope import day_start
from telemetry.analyses.tables import as_csv

from .access import staff_required

PERIODS = (7, 28, 91, 183, 365)
USUAL_DAYS = 28
PARTS = 12  # of both periods together, as dots of a plot


class BadAddress(ValueError):
    """The address asks for something that makes no sense; the message says what."""


@dataclass(frozen=True)
class Wanted:
    """A period of whole days (UTC), and of whom."""

    start: datetime
    days: int
    asked: kpi_tables.Asked

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=self.days)

    @property
    def before(self) -> datetime:
        """When the period before begins."""
        return self.start - timedelta(days=self.days)


@require_safe
@staff_required
def page(request):
    """All key figures of the person's operators; period and filters stand in the address."""
    if not request.user.has_perm("maintenance.view_workorder"):
        raise PermissionDenied("Your role has nothing to do with work orders; ask for the dispatcher or ops role.")
    now, operators = timezone.now(), list(Operator.objects.visible_to(request.user))
    try:
        wanted = _wanted(request, now, operators)
    except BadAddress as error:
        return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
    known = kpi_tables.frames(wanted.asked, wanted.before, now)
    found = results(known, kpi_tables.hours(wanted.start), kpi_tables.hours(wanted.end), PARTS)
    unit = _currency(operators, wanted.asked.operators)
    if request.GET.get("format") == "csv":
        return _file(found, wanted, unit)
    values = {
        "tiles": [_tile(result, wanted, unit) for result in found], "wanted": wanted, "last": _day_before(wanted.end),
        "before_last": _day_before(wanted.start), "days": wanted.days, "until": min(now, wanted.end),
        "file": f"{request.path}?{urlencode({**request.GET.dict(), 'format': 'csv'})}", **_choices(request, operators),
    }  # fmt: skip
    return render(request, "dispatch/kpis.html", values)


def _wanted(request, now: datetime, operators: list[Operator]) -> Wanted:
    """Read the address. Raises BadAddress for what makes no sense, and Http404 for an operator of somebody else's."""
    values = request.GET
    try:
        days = int(values.get("days") or USUAL_DAYS)
        last = date.fromisoformat(values["to"]) if values.get("to") else now.astimezone(UTC).date()
    except ValueError:
        raise BadAddress("“days” must be a whole number, and “to” a day as YYYY-MM-DD.") from None
    if not 1 <= days <= 731 or not 1990 <= last.year <= 2200:
        raise BadAddress("A period is 1 to 731 days long, and ends in this century or about.")
    ids, operator, team = operator_ids(request.user), values.get("operator", ""), values.get("team", "")
    if operator:
        ids = {each.pk for each in operators if str(each.pk) == operator}
        if not ids:
            raise Http404("There is no such operator, or it is not one of yours.")
    if values.get("cause") and values["cause"] not in Cause.values:
        raise BadAddress(f"“cause” must be one of {', '.join(Cause.values)}.")
    if team and not (team.isascii() and team.isdecimal() and len(team) < 18):
        raise BadAddress("“team” must be the number of a service centre.")
    asked = kpi_tables.Asked(
        None if ids is None else tuple(sorted(ids)), values.get("city", "").replace("\x00", "")[:100],
        values.get("cause", ""), int(team) if team else None,
    )  # fmt: skip
    return Wanted(day_start(last) + timedelta(days=1 - days), days, asked)


def _choices(request, operators: list[Operator]) -> dict:
    cities = Site.objects.visible_to(request.user).exclude(city="").order_by("city")
    days = request.GET.get("days", "")
    return {
        "asked": request.GET, "operators": operators, "causes": Cause.choices, "teams": ServiceCentre.objects.all(),
        "cities": cities.values_list("city", flat=True).distinct()[:200],
        "periods": sorted({*PERIODS, *([int(days)] if days.isdecimal() else [])}),
        "all_address": reverse("dispatch-kpis"),
    }  # fmt: skip


def _day_before(at: datetime) -> date:
    return (at - timedelta(days=1)).date()


def _currency(operators: list[Operator], ids: tuple[int, ...] | None) -> str:
    """Of the operators that are asked about; empty where they have several."""
    found = {each.currency for each in operators if ids is None or each.pk in ids}
    return found.pop() if len(found) == 1 else ""


def _tile(result: Result, wanted: Wanted, currency: str) -> dict:
    """What the template needs of one key figure."""
    kpi, unit, now = result.kpi, result.kpi.unit or currency, result.now
    digits = _decimals(now.value)
    return {
        "kpi": kpi, "value": in_words(now.value, digits), "unit": unit, "n": now.n, "note": now.note,
        "interval": "" if math.isnan(now.low) else f"{in_words(now.low, digits)} to {in_words(now.high, digits)}",
        "change": _change(result.change, digits), "before": in_words(result.before.value, digits),
        "verdict": result.verdict, "plot": _plot(result, wanted, unit),
    }  # fmt: skip


def _decimals(value: float) -> int:
    """Of a figure and all that is laid beside it: three digits that count, no more than three after the point."""
    if math.isnan(value) or value == 0:
        return 1
    return min(max(2 - math.floor(math.log10(abs(value))), 0), 3)


def _change(change: Estimate, digits: int) -> str:
    """The difference from the period before, with its interval; why there is none."""
    if math.isnan(change.value):
        return change.note or "nothing to compare with"
    ends = "" if math.isnan(change.low) else f" ({_signed(change.low, digits)} to {_signed(change.high, digits)})"
    return f"{_signed(change.value, digits)}{ends} against the period before"


def _signed(value: float, digits: int) -> str:
    value = round(value, digits)
    return f"{'+' if value > 0 else '−' if value < 0 else '±'}{in_words(abs(value), digits)}"


def _round_top(value: float) -> float:
    """The next number from `value` on whose half is short, too: the upper end of an axis."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value * 0.999)


def _plot(result: Result, wanted: Wanted, unit: str) -> str:
    """The parts of both periods as dots with intervals, the period in question on a band; nothing below two dots."""
    known = [(at, one) for at, one in result.course if one.value == one.value]
    if len(known) < 2:
        return ""
    ends = [kpi_tables.hours(at) for at in (wanted.before, wanted.start, wanted.end)]
    values = np.array([one.value for _, one in known])
    low, high = (np.array([getattr(one, side) for _, one in known]) for side in ("low", "high"))
    low, high = np.where(np.isnan(low), values, low), np.where(np.isnan(high), values, high)
    top = 100.0 if result.kpi.unit == "%" else _round_top(min(high.max(), 2.5 * values.max()))
    words = [(ends[0], f"{wanted.before:%d %b}"), (ends[1], f"{wanted.start:%d %b}"), (ends[2], f"{wanted.end:%d %b}")]
    x = plots.Axis("day (UTC)", ends[0], ends[2], words=words)
    y = plots.Axis(unit, 0.0, top, "{:g}")
    line = plots.Line(result.kpi.name, [at for at, _ in known], values, low, high, dots=True)
    said = f"{unit}, in parts of {2 * wanted.days / PARTS:.3g} days with their 95 % intervals".strip(", ")
    band = plots.area(x, y, (ends[1], ends[2]), (0.0, top), "between")
    drawn = plots.chart(result.kpi.name, said, x, y, [line], band)
    return mark_safe(drawn)  # noqa: S308  (made by telemetry.plots, which escapes)


def _file(found: list[Result], wanted: Wanted, currency: str) -> HttpResponse:
    """Each figure of the period, of the one before, the change, and of each part, as rows of one table."""
    whole, length = timedelta(days=wanted.days), timedelta(days=2 * wanted.days) / PARTS
    rows = []
    for result in found:
        told = [
            ("period", wanted.start, whole, result.now), ("period before", wanted.before, whole, result.before),
            ("change", wanted.start, whole, result.change),
        ]  # fmt: skip
        told += [("part", wanted.before + n * length, length, one) for n, (_, one) in enumerate(result.course)]
        rows += [_row(result, currency, *each) for each in told]
    response = HttpResponse(as_csv(pd.DataFrame(rows)), content_type="text/csv; charset=utf-8")
    name = f"key-figures-{wanted.start:%Y-%m-%d}-{wanted.days}-days.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _row(result: Result, currency: str, what: str, at: datetime, lasts: timedelta, one: Estimate) -> dict:
    kpi = result.kpi
    return {
        "figure": kpi.name, "unit": kpi.unit or currency, "what": what, "from": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "to": f"{at + lasts:%Y-%m-%dT%H:%M:%SZ}", "value": one.value, "low": one.low, "high": one.high,
        "count": one.n, "note": one.note, "definition": kpi.definition,
    }  # fmt: skip
