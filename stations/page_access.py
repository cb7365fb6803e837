"""Who may open a page at all: people who are signed in; a part of a page asks the whole page to go and sign in."""

from functools import wraps

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse


def sign_in_required(view):
    """Send strangers to the login page; a part of a page cannot take it in, so the page itself is asked for again."""
    behind_login = login_required(view)

    @wraps(view)
    def guarded(request, *args, **kwargs):
        if request.headers.get("HX-Request") and not request.user.is_authenticated:
            return HttpResponse(status=401, headers={"HX-Refresh": "true"})
        return behind_login(request, *args, **kwargs)

    return guarded
