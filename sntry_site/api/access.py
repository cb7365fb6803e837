"""Who calls, what that caller may do, and which rows exist for it: keys of partners, and staff who are signed in."""

from django.http import Http404
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, MethodNotAllowed, NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission

from stations.models import PartnerKey

REFUSED_KEY = "The key is not known, has expired or was revoked; ask the operator's staff for a new one."
NO_KEY = "Send a key: Authorization: Bearer sntry_<prefix>_<secret>. Keys are made by the operator's staff."


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer sntry_...`; the key itself is the viewer whose rows are shown."""

    def authenticate(self, request):
        words = get_authorization_header(request).split()
        if not words:
            return None
        if len(words) != 2 or words[0].lower() != b"bearer":
            raise AuthenticationFailed(NO_KEY)
        now = timezone.now()
        key = PartnerKey.objects.of_text(words[1].decode("latin-1"), now)
        if key is None:
            raise AuthenticationFailed(REFUSED_KEY)
        key.note_use(now)
        return key, key

    def authenticate_header(self, request) -> str:
        return 'Bearer realm="Sntry"'


class StaffAuthentication(SessionAuthentication):
    """Staff who are signed in to the pages; what they send needs the CSRF token."""

    def authenticate(self, request):
        request._request.body  # noqa: B018  (kept, because the check for CSRF reads what was posted and leaves nothing)
        known = super().authenticate(request)
        if known and not known[0].is_staff:
            raise PermissionDenied("This is for staff and for partners' keys; your account is neither.")
        return known


class Allowed(BasePermission):
    """Deny by default: a view says by `scopes` and `staff` (method -> what it takes) who may call it.

    `scopes` are for keys and `staff` are permissions of people; None: whoever is known. A method that is missing from
    one of them is closed to that kind of caller.
    """

    def has_permission(self, request, view) -> bool:
        if request.user is None or not request.user.is_authenticated:
            raise NotAuthenticated(NO_KEY)
        if request.method.lower() not in view.http_method_names or not hasattr(view, request.method.lower()):
            raise MethodNotAllowed(request.method)
        method = {"HEAD": "GET"}.get(request.method, request.method)
        if request.auth is None:
            return self._staff_may(request.user, method, view)
        needed = getattr(view, "scopes", {})
        if method not in needed:
            raise PermissionDenied("Keys cannot do this; it is for staff.")
        if needed[method] and needed[method] not in request.auth.scopes:
            raise PermissionDenied(f'The key lacks the scope "{needed[method]}".')
        return True

    def _staff_may(self, user, method: str, view) -> bool:
        needed = getattr(view, "staff", {})
        if method not in needed:
            raise PermissionDenied("This takes a partner's key.")
        if needed[method] and not user.has_perm(needed[method]):
            raise PermissionDenied(f'Your account lacks the permission "{needed[method]}".')
        return True


def seen(model_or_rows, viewer):
    """The rows that exist for `viewer`; every queryset of the API begins here."""
    rows = getattr(model_or_rows, "objects", model_or_rows)
    return rows.all().visible_to(viewer)


def seen_or_404(model_or_rows, viewer, **key):
    """The one row that `key` names; what is somebody else's does not exist."""
    row = seen(model_or_rows, viewer).filter(**key).first()
    if row is None:
        raise Http404("There is nothing by this id, or it is not yours to see.")
    return row
