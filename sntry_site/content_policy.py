"""Which scripts, styles and devices a page may use: strict everywhere, less so under the admin's path alone."""

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware
from django.urls import reverse

# The admin's theme evaluates expressions in attributes and sets styles; nothing outside of it may.
ADMIN_POLICY = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}

DEVICES = "geolocation=(self), camera=(), microphone=(), payment=(), usb=(), serial=()"


class ContentSecurityPolicy(CSPMiddleware):
    """The site's policy, with the admin theme's exceptions on pages below the admin's address."""

    def get_policy_parts(self, request, response, report_only=False):
        parts = super().get_policy_parts(request, response, report_only)
        if request.path.startswith(reverse("admin:index")):
            parts.replace = {**(parts.replace or {}), **ADMIN_POLICY}
        return parts

    def process_response(self, request, response):
        response.headers.setdefault("Permissions-Policy", DEVICES)
        return super().process_response(request, response)
