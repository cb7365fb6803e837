"""Who may open the technicians' pages, and which orders each of them has."""

from functools import wraps

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from stations.page_access import sign_in_required

from ..models import Technician, WorkOrder


def technician_required(view):
    """Let technicians in, with their record as `request.technician`; tell everyone else what is missing."""

    @sign_in_required
    @wraps(view)
    def guarded(request, *args, **kwargs):
        request.technician = Technician.objects.select_related("centre").filter(user=request.user).first()
        if request.technician is None:
            raise PermissionDenied(
                "These pages are for technicians. Your account belongs to no technician; "
                "ask your dispatcher to enter it at your technician's record."
            )
        return view(request, *args, **kwargs)

    return guarded


def orders_of(request):
    """The orders of the technician who asks, at sites of operators whose work he or she may see."""
    mine = WorkOrder.objects.visible_to(request.user).filter(technician=request.technician)
    return mine.select_related("site__operator", "charger__state", "incident__diagnosis", "technician__centre")


def order_or_404(request, pk: int) -> WorkOrder:
    """One of these orders; everyone else's does not exist."""
    return get_object_or_404(orders_of(request), pk=pk)


def sent(request, name: str, most: int) -> str:
    """A text that was sent, without what PostgreSQL cannot keep, and no longer than `most` characters."""
    return request.POST.get(name, "").replace("\x00", "")[:most]
