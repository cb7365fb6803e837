"""What a few typed letters may mean: sites, chargers and work orders that the viewer may see. The palette asks."""

from django.db.models import Q, QuerySet
from django.http import JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from maintenance.models import WorkOrder
from stations.models import Charger, Site
from stations.page_access import sign_in_required

MOST = 6  # of each kind: whoever sees more types another letter
FEWEST_LETTERS, LONGEST = 2, 60


@require_GET
@sign_in_required
def find(request):
    """`?q=` as JSON, `found`: [{kind, name, about, url}]; nothing for fewer than two letters, unless it is a number."""
    asked = request.GET.get("q", "").replace("\0", "")[:LONGEST].strip()
    found = []
    if len(asked) >= FEWEST_LETTERS or asked.isdecimal():
        found = [*_orders(request.user, asked), *_sites(request.user, asked), *_chargers(request.user, asked)]
    return JsonResponse({"found": found}, headers={"Cache-Control": "no-store"})


def _orders(user, asked: str) -> list[dict]:
    """Orders by number or title: those that staff may see, in the admin; a technician's own, on the phone's page."""
    orders = WorkOrder.objects.filter(Q(pk=WorkOrder.pk_of(asked)) | Q(title__icontains=asked))
    if user.is_staff and user.has_perm("maintenance.view_workorder"):
        orders, page = orders.visible_to(user), "admin:maintenance_workorder_change"
    else:
        orders, page = orders.visible_to(user).filter(technician__user=user), "work-order"
    return [
        _found("Work order", order.number, f"{order.title} · {order.get_state_display()}", page, order.pk)
        for order in orders.select_related("site").order_by("-pk")[:MOST]
    ]


def _sites(user, asked: str) -> list[dict]:
    if not (user.is_staff and user.has_perm("stations.view_site")):
        return []
    named = Q(name__icontains=asked) | Q(external_id__icontains=asked) | Q(city__icontains=asked)
    rows = _first(Site.objects.visible_to(user).filter(named)).values_list("external_id", "name", "city")[:MOST]
    return [_found("Site", name, " · ".join(filter(None, (key, city))), "site", key) for key, name, city in rows]


def _chargers(user, asked: str) -> list[dict]:
    if not (user.is_staff and user.has_perm("stations.view_charger")):
        return []
    rows = _first(Charger.objects.visible_to(user).filter(external_id__icontains=asked))
    rows = rows.values_list("pk", "external_id", "site__name")[:MOST]
    return [_found("Charger", key, site, "admin:stations_charger_change", pk) for pk, key, site in rows]


def _first(rows: QuerySet) -> QuerySet:
    return rows.order_by("external_id")


def _found(kind: str, name: str, about: str, page: str, key) -> dict:
    return {"kind": kind, "name": name, "about": about, "url": reverse(page, args=[key])}
