"""What browsers say that a page wanted and its content policy refused: a fault of ours, or a script of somebody else.

One line of the log each. It has the route of the page and the host of what was refused, never an address as a whole,
which may hold a token or a place.
"""

import json
import logging
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from .limits import limited

A_MINUTE = 20  # of one address: a page that is broken reports at every visit
LONGEST = 100  # characters of what somebody else has written

logger = logging.getLogger(__name__)


@csrf_exempt  # a browser that reports has no token to send, and nothing is changed
@require_POST
@limited(A_MINUTE)
def report(request):
    """Take one report of the kind `application/csp-report` (Content Security Policy Level 3, section 5.3)."""
    try:
        told = json.loads(request.body)["csp-report"]
        page = route_of(told["document-uri"], request.get_host())
        refused = source_of(told.get("blocked-uri") or "inline")
        rule = word(told.get("effective-directive") or told["violated-directive"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        text = 'Send {"csp-report": {"document-uri": …, "effective-directive": …, "blocked-uri": …}}.\n'
        return HttpResponse(text, status=400, content_type="text/plain; charset=utf-8")
    logger.warning("/%s wanted %s, which its policy (%s) refuses", page, refused, rule)
    return HttpResponse(status=204)


def route_of(address: str, host: str) -> str:
    """The route of a page of ours, which are at `host`; "?" for any other."""
    parts = urlsplit(address)
    try:
        return resolve(parts.path).route if parts.netloc == host else "?"
    except Resolver404:
        return "?"


def source_of(address: str) -> str:
    """Scheme and host of an address, or the word that a browser has for what has none ("inline", "eval", "data")."""
    parts = urlsplit(address)
    return word(f"{parts.scheme}://{parts.hostname}" if parts.hostname else address.partition(":")[0])


def word(text: str) -> str:
    """Somebody else's text, short and without anything that could look like more of the line."""
    return "".join(each if each.isalnum() or each in "-_.:/ '" else "?" for each in text[:LONGEST])
