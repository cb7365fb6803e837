"""The buttons of a site: what each will do is said first, then done through the loop's own functions."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from stations.models import Site
from telemetry.models import SiteState

from .. import interventions
from . import site_outcomes
from .access import staff_required

REAL_SITE = "This is a real site: only a simulated one can be stressed and healed from here."


@require_safe
@staff_required
def panel(request, pk: int):
    """What can be done about one site."""
    return _panel(request, _site(request, pk))


@require_POST
@staff_required
def stress(request, pk: int):
    """Hold a simulated site at its limits."""
    site = _site(request, pk, "telemetry.add_siteoverride")
    if not site.operator.is_simulated:
        return _panel(request, site, REAL_SITE, is_done=False)
    interventions.stress_site(site, request.user, timezone.now())
    said = f"{site.name} is held under stress (simulated). Its risk, price and orders follow within 10 s."
    return _panel(request, site, said)


@require_POST
@staff_required
def heal(request, pk: int):
    """End the stress of a simulated site."""
    site = _site(request, pk, "telemetry.add_siteoverride")
    if not site.operator.is_simulated:
        return _panel(request, site, REAL_SITE, is_done=False)
    done = interventions.heal_site(site, request.user, timezone.now())
    return _panel(request, site, f"{site.name} is healed: {done}.")


@require_POST
@staff_required
def dispatch(request, pk: int):
    """Open the work order of a site, or find the one that is open."""
    site = _site(request, pk, "maintenance.add_workorder")
    order = interventions.dispatch_site(site, request.user, timezone.now())
    who = f" {order.technician.code} is sent." if order.technician else " Nobody is sent yet."
    return _panel(request, site, f"{order.number} is open for {site.name}: {order.title}.{who}", order=order)


def _site(request, pk: int, permission: str | None = None) -> Site:
    if permission and not request.user.has_perm(permission):
        raise PermissionDenied("Your role may look at sites but not act on them; ask for the ops or dispatcher role.")
    return get_object_or_404(Site.objects.visible_to(request.user).select_related("operator"), pk=pk)


def _panel(request, site: Site, message: str = "", *, is_done: bool = True, order=None):
    if request.method == "POST" and not request.headers.get("HX-Request"):
        return redirect("board")
    state, now = SiteState.objects.filter(site=site, at__isnull=False).first(), timezone.now()
    may_simulate = request.user.has_perm("telemetry.add_siteoverride") and site.operator.is_simulated
    may_dispatch = request.user.has_perm("maintenance.add_workorder")
    values = {
        "site": site,
        "message": message,
        "is_done": is_done,
        "order": order,
        "stress": site_outcomes.of_stress(site, state, now) if may_simulate else "",
        "heal": site_outcomes.of_heal(site, state, now) if may_simulate else "",
        "dispatch": site_outcomes.of_dispatch(site, now) if may_dispatch else "",
    }
    return render(request, "board/actions.html", values)
