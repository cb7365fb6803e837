"""Exit code 0 if the web process of this container answers `/healthz`; asked as the proxy in front would ask."""

import os
import sys
from urllib.request import Request, urlopen

hosts = [name.strip() for name in os.environ.get("ALLOWED_HOSTS", "").split(",")]
named = next((name for name in hosts if name and not name.startswith(".")), "localhost")
address = f"http://127.0.0.1:{sys.argv[1] if len(sys.argv) > 1 else 8000}/healthz"
request = Request(address, headers={"Host": named, "X-Forwarded-Proto": "https"})
try:
    urlopen(request, timeout=4).close()  # noqa: S310  (our own loopback)
except OSError as error:
    sys.exit(f"{address}: {error}")
