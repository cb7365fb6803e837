"""The page of the figures by which maintenance is judged, and of what healed itself."""

import math
from datetime import timedelta

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBadRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from maintenance.figure_rows import closed_incidents, closed_orders, healing
from maintenance.figures import Figure, figures
from stations.access import operator_ids
from telemetry.models import Cause
from telemetry.reliability.proportions import proportion_interval

PERIODS = {30: "30 days", 90: "90 days", 365: "a year"}


def maintenance_figures_page(request):
    """The figures of the last 30, 90 or 365 days, of the reader's operators."""
    if not request.user.has_perm("maintenance.view_workorder"):
        raise PermissionDenied("These figures are for those who may see work orders.")
    asked = request.GET.get("days", "30")
    if asked not in map(str, PERIODS):
        return HttpResponseBadRequest("Choose 30, 90 or 365 days.")
    now, days = timezone.now(), int(asked)
    ids = operator_ids(request.user)
    about = (now - timedelta(days=days), now, None if ids is None else sorted(ids))
    rows = figures(closed_orders(*about), closed_incidents(*about))
    values = {
        **admin.site.each_context(request),
        "title": "Maintenance figures",
        "days": days,
        "periods": PERIODS,
        "rows": [(row, _number(row, row.value), _interval(row)) for row in rows],
        "healing": [_healed(*row) for row in healing(*about)],
    }
    return TemplateResponse(request, "admin/maintenance_figures.html", values)


def _number(row: Figure, value: float) -> str:
    if math.isnan(value):
        return "–"
    if row.unit == "$":
        return f"${value:,.0f}"
    digits = 0 if row.unit in ("", "%") or abs(value) >= 10 else 1
    return f"{value:,.{digits}f} {row.unit}".strip()


def _interval(row: Figure) -> str:
    if math.isnan(row.low) or math.isnan(row.high):
        return "–"
    return f"{_number(row, row.low)} to {_number(row, row.high)}"


def _healed(cause: str, failures: int, soft: int, hard: int, tries: int) -> dict:
    low, high = proportion_interval(soft + hard, failures)
    return {
        "cause": Cause(cause).label,
        "failures": failures,
        "soft": soft,
        "hard": hard,
        "tries": tries,
        "share": f"{100 * (soft + hard) / failures:.0f} %",
        "interval": f"{100 * low:.0f} to {100 * high:.0f} %",
    }
