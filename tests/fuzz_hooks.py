"""What schemathesis must not do by chance: use one Idempotency-Key for two requests, which is refused by design."""

import gzip
import itertools
import re

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.transport.wsgi import WSGITransport

numbers = itertools.count()
send = WSGITransport.send


def send_without_sockets(self, case, **options):
    """The way without a server is handed what only sockets have, and fails over it; nor does it unpack answers."""
    for name in ("max_redirects", "verify", "cert", "proxies"):
        options.pop(name, None)
    response = send(self, case, **options)
    if "gzip" in response.headers.get("content-encoding", []):
        response.content = gzip.decompress(response.content)
    return response


WSGITransport.send = send_without_sockets


@schemathesis.hook
def before_call(context, case, kwargs):
    """Make a good key one that was not used before; a bad one stays as it is."""
    if _is_of_wrong_headers(case):
        return  # because schemathesis forgets which header it was to leave out when the headers change
    for name in [name for name in case.headers or {} if name.lower() == "idempotency-key"]:
        if re.fullmatch("[!-~]{1,200}", str(case.headers[name])):
            case.headers[name] = f"{str(case.headers[name])[:150]}-{next(numbers)}"


def _is_of_wrong_headers(case) -> bool:
    if case.meta is None or not case.meta.generation.mode.is_negative:
        return False
    return getattr(case.meta.phase.data, "parameter_location", None) == ParameterLocation.HEADER
