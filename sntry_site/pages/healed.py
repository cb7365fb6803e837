"""What healed itself: failures at which a try from afar spared a visit, by suspected cause."""

from datetime import timedelta

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBadRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from maintenance.models import RemoteAttempt
from maintenance.models.remote_attempts import Healed
from stations.access import operator_ids
from telemetry.models import Cause
from telemetry.reliability.proportions import proportion_interval

PERIODS = {30: "30 days", 90: "90 days", 365: "a year"}


def healed_page(request):
    """What was tried from afar in 30, 90 or 365 days at sites of the reader's operators, and what it came to."""
    if not request.user.has_perm("maintenance.view_remoteattempt"):
        raise PermissionDenied("This page is for those who may see what was tried from afar.")
    asked = request.GET.get("days", "30")
    if asked not in map(str, PERIODS):
        return HttpResponseBadRequest("Choose 30, 90 or 365 days.")
    now, days, ids = timezone.now(), int(asked), operator_ids(request.user)
    rows = RemoteAttempt.objects.healed(now - timedelta(days=days), now, None if ids is None else sorted(ids))
    values = {"title": "What healed itself", "days": days, "periods": PERIODS, "rows": [_shown(row) for row in rows]}
    return TemplateResponse(request, "admin/healed.html", {**admin.site.each_context(request), **values})


def _shown(row: Healed) -> dict:
    shown = {**row._asdict(), "cause": Cause(row.cause).label, "share": "–", "interval": "–"}
    if row.failures:
        low, high = proportion_interval(row.soft + row.hard, row.failures)
        shown["share"] = f"{100 * (row.soft + row.hard) / row.failures:.0f} %"
        shown["interval"] = f"{100 * low:.0f} to {100 * high:.0f} %"
    return shown
