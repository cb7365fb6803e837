"""Who may open the pages of the staff."""

from functools import wraps

from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect

from maintenance.models import Technician
from stations.page_access import sign_in_required


def staff_required(view):
    """Let staff in; send strangers to the login page and tell everyone else what is missing."""

    @sign_in_required
    @wraps(view)
    def guarded(request, *args, **kwargs):
        if not request.user.is_staff:
            raise PermissionDenied(
                "This page is for staff. Your account is signed in but is not a staff account; "
                "ask an administrator of your operator to make it one."
            )
        return view(request, *args, **kwargs)

    return guarded


def technicians_to_their_day(view):
    """Send technicians who are not staff on to their own page."""

    @wraps(view)
    def guarded(request, *args, **kwargs):
        user = request.user
        if user.is_authenticated and not user.is_staff and Technician.objects.filter(user=user).exists():
            return redirect("work-day")
        return view(request, *args, **kwargs)

    return guarded
