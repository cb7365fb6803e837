"""The common frame of all endpoints: what a view is, headers on every answer, and addresses that are none."""

from django.http import HttpResponse
from rest_framework.exceptions import AuthenticationFailed, NotFound, PermissionDenied
from rest_framework.views import APIView

from .limits import count, count_stranger
from .problems import problem


class Endpoint(APIView):
    """A view of the API. It says who may call it by `scopes` and `staff`; see `access.Allowed`."""

    scopes: dict[str, str | None] = {}
    staff: dict[str, str | None] = {}
    limit_class = "write"
    has_pages = False  # whether its answers name the following page
    http_method_names = ["get", "head", "post", "patch"]

    def perform_authentication(self, request) -> None:
        """Who calls, and whether too often: first of all, so that every refusal counts too."""
        try:
            super().perform_authentication(request)
        except (AuthenticationFailed, PermissionDenied):
            count_stranger(request)
            raise
        if request.user.is_authenticated:
            count(request, self)
        else:
            count_stranger(request)

    def finalize_response(self, request, response, *args, **kwargs) -> HttpResponse:
        """Nothing of a caller's is kept by anybody in between; the limits are on every answer."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-cache")
        for name, value in getattr(request._request, "rate_limit_headers", {}).items():
            response.headers.setdefault(name, value)
        return response


class Nothing(Endpoint):
    """Any other address below the API's: a problem instead of a page, and only for those who are known."""

    scopes = staff = dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"))
    schema = None
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        raise NotFound("There is no such address; the contract is at /api/docs/.")

    def get(self, request, rest=""):
        """Never reached: every call ends in `initial`."""
        return problem(404, "")

    post = put = patch = delete = get
