"""Who may open the pages of the staff."""

from functools import wraps

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse


def staff_required(view):
    """Let staff in; send strangers to the login page and tell everyone else what is missing."""

    @_reload_for_htmx
    @login_required
    @wraps(view)
    def guarded(request, *args, **kwargs):
        if not request.user.is_staff:
            raise PermissionDenied(
                "This page is for staff. Your account is signed in but is not a staff account; "
                "ask an administrator of your operator to make it one."
            )
        return view(request, *args, **kwargs)

    return guarded


def _reload_for_htmx(view):
    # A part of a page cannot take the login page in; the page itself is asked for again and leads there.
    @wraps(view)
    def guarded(request, *args, **kwargs):
        if request.headers.get("HX-Request") and not request.user.is_authenticated:
            return HttpResponse(status=401, headers={"HX-Refresh": "true"})
        return view(request, *args, **kwargs)

    return guarded
