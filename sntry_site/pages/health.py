"""Is the process alive, and is everything there that it needs?"""

import redis
from django.conf import settings
from django.db import DatabaseError
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from telemetry.models import Tick
from telemetry.models.ticks import SET_BACK, lies_in_future

OLDEST_TICK_SECONDS = 30


@require_safe
@never_cache
def alive(request):
    """200 as long as the process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request):
    """200 when database and broker answer and a tick finished within 30 s; 503 says which of them does not hold."""
    problems = {}
    age = None
    try:
        newest = Tick.objects.last_finished()
        age = newest and round(newest.age.total_seconds(), 1)
        if age is None:
            problems["tick"] = "no tick has finished yet; is the worker of the tick queue running?"
        elif lies_in_future(age):
            problems["tick"] = SET_BACK
        elif age > OLDEST_TICK_SECONDS:
            problems["tick"] = f"the last tick finished {age:.0f} s ago; do beat and the worker of the tick queue run?"
    except DatabaseError:
        problems["database"] = "the database does not answer"
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as broker:
            broker.ping()
    except redis.RedisError:
        problems["broker"] = "the broker does not answer"
    answer = {"status": "not ready" if problems else "ok", "tick_age_seconds": age, "problems": problems}
    return JsonResponse(answer, status=503 if problems else 200)
