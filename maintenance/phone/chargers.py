"""The page of a charger behind the code on its housing: what it says now, what it had, who was there."""

from io import BytesIO

import segno
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from stations.models import Charger
from stations.page_access import sign_in_required
from telemetry.models import StatusReport

from ..fault_meanings import meaning
from ..models import OrderPart, WorkOrder
from .access import technician_required
from .card import charger_now

FAULTS, VISITS, PARTS = 8, 6, 5


@require_safe
@technician_required
def page(request, external_id: str):
    """Live status, the last faults in plain words, the last visits, and the parts that they took."""
    chargers = Charger.objects.visible_to(request.user).select_related("site__operator", "state")
    charger = get_object_or_404(chargers, external_id=external_id)
    faults = StatusReport.objects.filter(charger=charger, status__in=("FAULTED", "OFFLINE")).order_by("-reported_at")
    orders = WorkOrder.objects.visible_to(request.user).filter(charger=charger)
    values = {
        "charger": charger,
        "now": charger_now(charger),
        "faults": [(row, meaning(row.status, row.error_code, row.vendor_code)) for row in faults[:FAULTS]],
        "visits": orders.filter(closed_at__isnull=False).order_by("-closed_at")[:VISITS],
        "mine": orders.filter(technician=request.technician, closed_at__isnull=True),
        "parts": _parts_used(charger),
    }
    return render(request, "work/charger.html", values)


def _parts_used(charger: Charger) -> list[str]:
    """Names of the parts that the last visits to chargers of this model took."""
    like = {"order__charger__model": charger.model} if charger.model else {"order__charger": charger}
    used = OrderPart.objects.filter(used__gt=0, **like, order__site__operator=charger.site.operator_id)
    names: list[str] = []
    for name in used.order_by("-pk").values_list("part__name", flat=True)[:50]:
        if name not in names:
            names.append(name)
    return names[:PARTS]


@require_safe
@sign_in_required
def code(request, external_id: str):
    """The QR code that leads to the charger's page, as SVG, for a label on its housing."""
    charger = get_object_or_404(Charger.objects.visible_to(request.user), external_id=external_id)
    address = request.build_absolute_uri(reverse("work-charger", args=[charger.external_id]))
    drawn = BytesIO()
    segno.make(address, error="m").save(drawn, kind="svg", scale=6, border=4, xmldecl=True, dark="#000", light="#fff")
    return HttpResponse(drawn.getvalue(), content_type="image/svg+xml")
