"""What a monitoring system watches, in the text format of Prometheus."""

import secrets

import redis
from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, F, Min, Q
from django.db.models.functions import Now
from django.http import HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from sntry_site import embedded
from stations import live
from stations.models import Job, Outbox
from telemetry import drift_page
from telemetry.models import ChargerState, ModelVersion, Tick, TickShard
from telemetry.models.ticks import SET_BACK, lies_in_future

QUEUES, BROKER_DATABASE = ("tick", "jobs"), 0
DRIFT_SECONDS = 900  # that a look at the features of every charger is kept


@require_safe
@never_cache
def metrics(request):
    """Ages, depths and counts as gauges; for holders of METRICS_TOKEN (`Authorization: Bearer`) and superusers."""
    if not _may_read(request):
        denied = HttpResponse("Send METRICS_TOKEN as a bearer token.\n", status=401, content_type="text/plain")
        denied.headers["WWW-Authenticate"] = "Bearer"
        return denied
    registry = CollectorRegistry()
    for told in (_ticks, _queues, _outbox, _jobs, _chargers, _models):
        told(registry)
    _gauge(registry, "live_sockets", "Open sockets of this web process").set(live.open_sockets())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_read(request) -> bool:
    sent = request.headers.get("Authorization", "")
    expected = f"Bearer {settings.METRICS_TOKEN}"
    if settings.METRICS_TOKEN and secrets.compare_digest(sent.encode(), expected.encode()):
        return True
    return request.user.is_active and request.user.is_superuser


def _gauge(registry, name: str, words: str, *labels: str) -> Gauge:
    return Gauge(f"sntry_{name}", words, labels, registry=registry)


def _age(newest: Tick | None) -> float:
    """Infinite where it would be negative, because alerts ask whether it is large."""
    if newest is None:
        return float("nan")
    seconds = newest.age.total_seconds()
    return float("inf") if lies_in_future(seconds) else seconds


def _ticks(registry) -> None:
    newest = Tick.objects.last_finished()
    age = _gauge(
        registry, "tick_age_seconds", f"Since the last tick finished; NaN before the first, +Inf if {SET_BACK}"
    )
    age.set(_age(newest))
    whole = _gauge(registry, "tick_seconds", "What the last tick took from its claim to its end; NaN before the first")
    whole.set((newest.finished_at - newest.started_at).total_seconds() if newest else float("nan"))
    workers = _gauge(registry, "tick_workers", "Processes that took part in the last tick")
    workers.set(TickShard.objects.workers(newest.slot) or 1 if newest else 0)
    phases = _gauge(registry, "tick_phase_seconds", "What each phase of the last tick took", "phase")
    for phase, milliseconds in (newest.milliseconds if newest else {}).items():
        phases.labels(phase).set(milliseconds / 1000)
    _gauge(registry, "sites", "Sites in the last tick").set(newest.sites if newest else 0)


def _queues(registry) -> None:
    answers = _gauge(registry, "redis_up", "Whether Redis answers within a second")
    depth = _gauge(registry, "queue_depth", "Tasks that wait for a worker", "queue")
    try:
        where = embedded.redis_database(settings.REDIS_URL, BROKER_DATABASE)
        with redis.Redis.from_url(where, socket_timeout=1, socket_connect_timeout=1) as broker:
            for queue in QUEUES:
                depth.labels(queue).set(broker.llen(f"{settings.REDIS_PREFIX}:{queue}"))
        answers.set(1)
    except redis.RedisError:
        answers.set(0)


def _outbox(registry) -> None:
    is_waiting = Q(done_at__isnull=True, dead_at__isnull=True)
    told = Outbox.objects.filter(done_at__isnull=True).aggregate(
        waiting=Count("pk", filter=is_waiting),
        given_up=Count("pk", filter=~is_waiting),
        oldest=Now() - Min("created_at", filter=is_waiting & Q(due_at__lte=Now())),
    )
    _gauge(registry, "outbox_waiting", "Side effects still to be carried out").set(told["waiting"])
    _gauge(registry, "outbox_given_up", "Side effects given up after the last attempt").set(told["given_up"])
    age = _gauge(registry, "outbox_oldest_seconds", "Age of the oldest side effect that is due; 0 where none is")
    age.set(told["oldest"].total_seconds() if told["oldest"] else 0)


def _jobs(registry) -> None:
    jobs = _gauge(registry, "jobs", "Jobs that wait or run", "state")
    found = Job.objects.filter(state__in=(Job.State.QUEUED, Job.State.RUNNING)).values_list("state")
    counts = dict(found.annotate(number=Count("pk")).order_by())
    for state in (Job.State.QUEUED, Job.State.RUNNING):
        jobs.labels(state.value).set(counts.get(state.value, 0))


def _chargers(registry) -> None:
    chargers = _gauge(registry, "chargers", "Chargers by what they said last", "status")
    for status, number in ChargerState.objects.values_list("status").annotate(number=Count("pk")).order_by():
        chargers.labels(status).set(number)


def _models(registry) -> None:
    age = _gauge(registry, "model_age_seconds", "Since the training of each model that scores", "kind", "level")
    active = ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE)
    for kind, level, since in active.values_list("kind", "level", Now() - F("trained_at")):
        age.labels(kind, level).set(since.total_seconds())
    drift = _gauge(registry, "model_drift_psi", "Largest population stability index of the forecast's features")
    drift.set(_largest_drift())


def _largest_drift() -> float:
    """Kept for a quarter of an hour, because it reads what is known of every charger; NaN where nothing is known."""
    try:
        return cache.get_or_set("metrics-drift", _drift_now, DRIFT_SECONDS)
    except redis.RedisError:
        return float("nan")


def _drift_now() -> float:
    return max((row["psi"] for row in drift_page.context()["rows"] if row["psi"] is not None), default=float("nan"))
