"""A world with what stands around it: Gemini and OSRM behind proxies, and a partner's receiver of webhooks."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.gemini_server import GeminiServer
from tests.osrm_server import OsrmServer
from tests.receiver import Receiver

from .proxy import Proxy
from .world import World


@contextmanager
def whole_world(**wishes) -> Iterator[World]:
    """A running Sntry; `world.proxies` has the way to each service, `world.receiver` what partners were told."""
    gemini, osrm, receiver = GeminiServer(), OsrmServer(), Receiver()
    with Proxy(_place(gemini.url)) as to_gemini, Proxy(_place(osrm.url)) as to_osrm:
        environment = {
            "GEMINI_API_KEY": "a key that opens nothing",
            "GOOGLE_GEMINI_BASE_URL": to_gemini.url,
            "GEMINI_TOKENS_PER_DAY": "1000000000",  # because one that may not be asked any more cannot fail
            "OSRM_URL": to_osrm.url,
        }
        with World(**environment) as world:
            world.proxies, world.receiver = {"gemini": to_gemini, "osrm": to_osrm}, receiver
            yield world.start(webhook=f"{receiver.url}/hook", **wishes)
    for each in (gemini, osrm):
        each.close()
    receiver.stop()


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname, parts.port
