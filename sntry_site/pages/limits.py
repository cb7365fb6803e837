"""How often one address may ask the pages that are for everyone; alive without Redis."""

import hashlib
import time
from collections import Counter
from functools import wraps

from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponse

from stations.client_address import counted

SECONDS = 60
_here: Counter[str] = Counter()  # of this process and minute, for when the cache does not answer
_minute = 0


def limited(per_minute: int):
    """Answer 429 with Retry-After to an address that asks this view more often than that."""

    def decorate(view):
        @wraps(view)
        def guarded(request, *args, **kwargs):
            if _count(f"{view.__name__} {counted(request)}") > per_minute:
                text = "Too many requests from here; please wait a minute."
                return HttpResponse(text, status=429, content_type="text/plain", headers={"Retry-After": str(SECONDS)})
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def _count(who: str) -> int:
    global _minute
    minute = int(time.time() // SECONDS)
    key = "asked-" + hashlib.sha256(f"{settings.SECRET_KEY} {minute} {who}".encode()).hexdigest()[:32]
    try:
        cache.add(key, 0, SECONDS)
        return cache.incr(key)
    except Exception:  # the cache is away: each process counts for itself
        if minute != _minute:
            _here.clear()
            _minute = minute
        _here[key] += 1
        return _here[key]
