"""HTTP and WebSocket entry point (served by uvicorn)."""

import gc
import os
from importlib import import_module

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sntry_site.settings")
django.setup(set_prefix=False)

from channels.auth import AuthMiddlewareStack  # noqa: E402  (needs the app registry that the line above fills)
from channels.db import database_sync_to_async  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.urls import reverse  # noqa: E402

from .body_limit import BodyLimit  # noqa: E402
from .garbage import WEB_THRESHOLDS, leave_out_what_is_loaded  # noqa: E402
from .listening import lifespan  # noqa: E402
from .pages.import_page import LARGEST, may_upload  # noqa: E402
from .urls import websocket_urlpatterns  # noqa: E402

MEGABYTE = 1024**2
LIMIT = 10 * MEGABYTE


async def import_limit(scope) -> int:
    """Large files are taken of those who may import them; whatever others send would lie on the disk first."""
    return LARGEST + MEGABYTE if await database_sync_to_async(may_upload)(scope) else LIMIT


LIMITS = {reverse("import"): import_limit, reverse("policy-reports"): 16_384}


class OneHopHandler(ASGIHandler):
    """Runs a request's whole way through middleware and view in one thread.

    All of both are synchronous here; left to itself, each middleware goes over to the thread and back, which takes
    twice as much processor as the usual request itself.
    """

    def load_middleware(self, is_async=False):
        super().load_middleware(is_async=False)
        self._middleware_chain = sync_to_async(self._middleware_chain, thread_sensitive=True)


application = ProtocolTypeRouter(
    {
        "lifespan": lifespan,
        "http": BodyLimit(OneHopHandler(), LIMIT, LIMITS),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)

for module in settings.PRELOADS:
    import_module(module)
# Looking through all that was imported would stop every request for 0.2 s.
leave_out_what_is_loaded()
gc.set_threshold(*WEB_THRESHOLDS)
