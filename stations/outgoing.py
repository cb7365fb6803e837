"""Calls to addresses that partners have given us: they must never reach anything of our own network.

A host name is looked up once; every address it has must be public, and it is that very address that is connected to,
so that a name which changes its mind between the two gains nothing. No redirect is followed.
"""

import http.client
import ipaddress
import re
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings

CONNECT_SECONDS, LOOKUP_SECONDS, WHOLE_SECONDS = 2.0, 3.0, 5.0
LARGEST_ANSWER = 64 * 1024
LONGEST_URL = 255
PORTS = (443, 8443)
NAT64 = ipaddress.ip_network("64:ff9b::/96")
LOOKUPS_EACH, MOST_LOOKUPS = 2, 64  # under way at once: of one share, and of all


class NotCalled(Exception):
    """The address may not be called, or nobody answered there; the message says why."""


@dataclass(frozen=True)
class Answer:
    """What came back; its body is cut off at 64 kB."""

    status: int
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def look_up(host: str, port: int) -> list[str]:
    """All addresses of a host."""
    return [found[4][0] for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class _Lookups:
    """Look-ups in threads of their own: one that hangs can be left but not ended, so each share has a few at most.

    Names are looked up by whoever answers for them; a partner whose servers never answer waits for himself alone.
    """

    def __init__(self):
        self.under_way, self.lock = Counter(), threading.Lock()

    def start(self, share: str, find: Callable[[], list[str]]) -> Future:
        """Begin a look-up. Raises NotCalled where too many of the share are still under way."""
        with self.lock:
            if self.under_way[share] >= LOOKUPS_EACH or self.under_way.total() >= MOST_LOOKUPS:
                raise NotCalled("Earlier look-ups of names of this receiver are still waiting for an answer.")
            self.under_way[share] += 1
        future: Future = Future()
        threading.Thread(target=self._run, args=(share, find, future), name="lookup", daemon=True).start()
        return future

    def _run(self, share: str, find: Callable[[], list[str]], future: Future) -> None:
        try:
            future.set_result(find())
        except Exception as error:
            future.set_exception(error)
        finally:
            with self.lock:
                self.under_way[share] -= 1
                self.under_way += Counter()  # forgets who has none


_lookups = _Lookups()


def check_url(url: str) -> tuple[str, int, str]:
    """Host, port and path of an address that may be called. Raises NotCalled with a sentence."""
    if len(url) > LONGEST_URL or not re.fullmatch(r"[!-\[\]-~]+", url):
        raise NotCalled(f"An address has at most {LONGEST_URL} characters, all of them ASCII, and no backslash.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise NotCalled("This is no address; write it like https://example.com/hooks.") from None
    if parts.scheme != "https" and not (settings.PRIVATE_RECEIVERS and parts.scheme == "http"):
        raise NotCalled("The address must begin with https://.")
    if not host or parts.username is not None or parts.password is not None:
        raise NotCalled("The address must name a host, and no user or password.")
    port = port or (443 if parts.scheme == "https" else 80)
    if port not in PORTS and not settings.PRIVATE_RECEIVERS:
        raise NotCalled("The address may use the ports 443 and 8443 only.")
    return host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also where an IPv4 address is hidden in an IPv6 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    hidden = []
    if ip.version == 6:
        hidden = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in NAT64 or int(ip) >> 32 == 0:
            hidden.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and all(is_public(str(each)) for each in hidden if each is not None)


def public_address(host: str, port: int, resolve: Callable | None = None, share: str = "") -> str:
    """The address to connect to. Raises NotCalled unless all addresses of the host are public."""
    try:
        found = _lookups.start(share or host, partial(resolve or look_up, host, port)).result(LOOKUP_SECONDS)
    except TooLate:
        raise NotCalled(f"The name {host} was not found within {LOOKUP_SECONDS:.0f} s.") from None
    except (OSError, UnicodeError):
        raise NotCalled(f"There is no host {host}.") from None
    if not found:
        raise NotCalled(f"There is no host {host}.")
    if not settings.PRIVATE_RECEIVERS and not all(is_public(address) for address in found):
        raise NotCalled(f"The host {host} is not on the public internet.")
    return found[0]


def call(
    method: str, url: str, headers: dict[str, str], body: bytes = b"", resolve: Callable | None = None, share: str = ""
) -> Answer:
    """Make one request and read its answer, within five seconds in all. Raises NotCalled; follows no redirect.

    `share` says whose call it is: look-ups of one share never hold up those of others.
    """
    host, port, path = check_url(url)
    address = public_address(host, port, resolve, share)
    connection = _Pinned(host, port, address, is_tls=url.lower().startswith("https:"))
    watch = threading.Timer(WHOLE_SECONDS, connection.cut)  # because each single wait may be short and all long
    watch.start()
    try:
        connection.request(method, path, body, {"User-Agent": "Sntry", "Connection": "close", **headers})
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(LARGEST_ANSWER))
    except ssl.SSLCertVerificationError as error:
        raise NotCalled(f"The certificate of {host} is not valid: {error.verify_message}.") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = f"did not answer within {WHOLE_SECONDS:.0f} s" if connection.was_cut else type(error).__name__
        raise NotCalled(f"{host}: {why}.") from None
    finally:
        watch.cancel()
        connection.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, which is called by the name of its host."""

    def __init__(self, host: str, port: int, address: str, is_tls: bool):
        super().__init__(host, port, timeout=WHOLE_SECONDS)
        self.default_port = 443 if is_tls else 80
        self.address, self.is_tls, self.was_cut = address, is_tls, False

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), CONNECT_SECONDS)
        self.sock.settimeout(WHOLE_SECONDS)
        if self.is_tls:
            self.sock = tls_context().wrap_socket(self.sock, server_hostname=self.host)
        if self.was_cut:  # while hands were shaken there was no socket to cut
            raise TimeoutError

    def cut(self) -> None:
        self.was_cut = True
        if self.sock is not None:
            with suppress(OSError):  # it has just ended by itself
                self.sock.shutdown(socket.SHUT_RDWR)


def tls_context() -> ssl.SSLContext:
    """Certificates are checked against those that the system trusts."""
    return ssl.create_default_context()
