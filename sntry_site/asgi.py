"""HTTP and WebSocket entry point (served by uvicorn)."""

import gc
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sntry_site.settings")
django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402  (needs the app registry that the line above fills)
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.urls import reverse  # noqa: E402

from .body_limit import BodyLimit  # noqa: E402
from .listening import lifespan  # noqa: E402
from .pages.import_page import LARGEST  # noqa: E402
from .urls import websocket_urlpatterns  # noqa: E402

MEGABYTE = 1024**2

application = ProtocolTypeRouter(
    {
        "lifespan": lifespan,
        "http": BodyLimit(django_application, 10 * MEGABYTE, {reverse("import"): LARGEST + MEGABYTE}),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)

# What was imported stays as long as the process: looking through it for garbage would stop every request for 0.2 s.
gc.collect()
gc.freeze()
