"""Starting a site of its own on restored data, and asking it for pages."""

import socket
import subprocess
import sys
import tempfile
import time
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from django.conf import settings

from .archive import BadBackup

PATIENCE_SECONDS = 60
PAGES = ("/healthz", "/login/", "/drive/")  # the process; the sessions' table and templates; the network's rows


def try_site(environment: dict[str, str]) -> None:
    """Start the web process on a free loopback port, ask for a few pages, stop it. Raises BadBackup."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "sntry_site.asgi:application", f"--port={port}", "--log-level=warning"]
    with tempfile.TemporaryFile("w+") as said:
        web = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=said, stderr=subprocess.STDOUT)
        try:
            for page in PAGES:
                _ask(f"http://127.0.0.1:{port}{page}", web)
        except BadBackup as error:
            said.seek(0)
            last = said.read().strip().splitlines()[-1:] or ["it said nothing"]
            raise BadBackup(f"{error} Its last line: {last[0]}") from None
        finally:
            web.terminate()
            web.wait()


def _ask(address: str, web: subprocess.Popen) -> None:
    """Wait until the page is there, as a proxy that speaks TLS would ask for it."""
    host = next((name for name in settings.ALLOWED_HOSTS if not name.startswith(".")), "localhost")
    request = Request(address, headers={"Host": host, "X-Forwarded-Proto": "https"})  # noqa: S310  (our own loopback)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            urlopen(request, timeout=10).close()  # noqa: S310  (our own loopback)
            return
        except HTTPError as error:
            raise BadBackup(f"The restored site answers {request.selector} with {error.code}.") from None
        except (URLError, OSError):
            if web.poll() is not None or time.monotonic() > deadline:
                raise BadBackup("The site does not start on the restored data.") from None
            time.sleep(0.1)
