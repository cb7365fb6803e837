"""Answers are kept, and made anew when the rows that they were made of have changed."""

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import blake2b

from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from stations.access import operator_ids
from stations.jobs import enqueue
from stations.models import Job
from telemetry.models import LateChange, ReliabilityAnswer

from .answer import Answer
from .questions import BY_SLUG, ask
from .scope import USUAL_DAYS, Scope, last_whole_day

KIND = "answer_reliability"
CODE = "2"  # raised when answers are made in another way
KEPT_DAYS = 40
TRIED_AGAIN = timedelta(hours=1)
LOOKS_BACK = timedelta(days=400)  # uptime is of twelve months

# What is said of chargers and their sites.
_PLACES = """
SELECT count(*), coalesce(sum(hashtext(concat_ws('|', charger.id, charger.external_id, charger.power_kw,
    site.external_id, site.name, site.charger_type, site.location_type, site.city, site.power_kw, operator.name,
    operator.currency))::bigint), 0)
FROM stations_charger charger JOIN stations_site site ON site.id = charger.site_id
JOIN stations_operator operator ON operator.id = site.operator_id
WHERE %(operators)s::bigint[] IS NULL OR site.operator_id = ANY(%(operators)s)
"""

# Outages as they were by the end of the period: what happened to them later does not matter.
_OUTAGES = """
SELECT count(*), coalesce(sum(hashint8extended(outage.id,
        extract(epoch FROM least(coalesce(ended_at, %(end)s), %(end)s))::bigint + left_censored::int)::numeric), 0),
    coalesce(sum(hashtext(excluded_reason || '|' || excluded_evidence)::bigint), 0)
FROM telemetry_outage outage
WHERE started_at < %(end)s AND started_at > %(start)s AND (%(operators)s::bigint[] IS NULL OR charger_id IN (
    SELECT charger.id FROM stations_charger charger JOIN stations_site site ON site.id = charger.site_id
    WHERE site.operator_id = ANY(%(operators)s)))
"""


def input_version(scope: Scope, reads: Iterable[str] = LateChange.Kind.values) -> str:
    """The same as long as nothing changes of what answers about this scope are made of.

    reads: which tables besides outages and places, of which millions of rows need not be looked at: what is written
    about a day that is over is noted (`LateChange`). Of a period that is not over it changes with each hour.
    """
    operators, now = None if scope.operators is None else list(scope.operators), timezone.now()
    values = {"start": scope.start - LOOKS_BACK, "end": scope.end, "operators": operators}
    with connection.cursor() as cursor:
        cursor.execute(_OUTAGES, values)
        found = [cursor.fetchone()]
        cursor.execute(_PLACES, values)
        found.append(cursor.fetchone())
    found.append(LateChange.objects.count_of(reads, values["start"].date(), scope.end.date(), operators))
    if scope.end > now:
        found.append(f"{now:%Y-%m-%d %H}")
    return f"{CODE}-{blake2b(str(found).encode(), digest_size=16).hexdigest()}"


def kept(slug: str, scope: Scope, version: str) -> tuple[Answer | None, ReliabilityAnswer | None, bool]:
    """The answer that is kept, its row, and whether it was made of what is there now."""
    row = ReliabilityAnswer.objects.filter(key=scope.key(slug)).first()
    if row is None:
        return None, None, False
    return Answer.from_json(row.answer), row, row.input_version == version


def make(slug: str, scope: Scope, progress=lambda done, total=None, message="": None) -> ReliabilityAnswer:
    """Answer a question and keep the answer."""
    # The version first, so that what changes while it is read is made anew.
    version, begun = input_version(scope, BY_SLUG[slug].reads), time.perf_counter()
    answer = ask(slug, scope, progress)
    now = timezone.now()
    ReliabilityAnswer.objects.filter(computed_at__lt=now - timedelta(days=KEPT_DAYS)).delete()
    row, _ = ReliabilityAnswer.objects.update_or_create(
        key=scope.key(slug),
        defaults={
            "question": slug, "scope": scope.as_json(), "input_version": version, "answer": answer.as_json(),
            "seconds": time.perf_counter() - begun, "computed_at": now,
        },
    )  # fmt: skip
    return row


def usual_scopes(now: datetime) -> list[Scope]:
    """What the pages show to each group of operators of which somebody among the staff is a member, unasked."""
    staff = get_user_model().objects.filter(is_active=True, is_staff=True)
    groups = {frozenset(operator_ids(user)) if not user.is_superuser else None for user in staff}
    end = last_whole_day(now)
    start = end - timedelta(days=USUAL_DAYS)
    return [Scope(start, end, None if ids is None else tuple(sorted(ids))) for ids in groups if ids is None or ids]


def prepare(now: datetime, progress=lambda done, total=None, message="": None) -> int:
    """Answer all questions that can be asked without more, of `usual_scopes`; return how many were answered anew."""
    LateChange.objects.gather()
    wanted = [(scope, slug) for scope in usual_scopes(now) for slug in BY_SLUG if slug != "rollout"]
    made = 0
    for place, (scope, slug) in enumerate(wanted):
        progress(place, len(wanted), BY_SLUG[slug].title)
        if not kept(slug, scope, input_version(scope, BY_SLUG[slug].reads))[2]:
            make(slug, scope)
            made += 1
    return made


def job_for(slug: str, scope: Scope, user) -> Job:
    """The job that is making this answer, or a new one."""
    key = scope.key(slug)
    open_states = [Job.State.QUEUED, Job.State.RUNNING]
    waiting = Job.objects.filter(kind=KIND, parameters__key=key, state__in=open_states).first()
    return waiting or enqueue(KIND, {"question": slug, "key": key, "scope": scope.as_json()}, created_by=user)


def last_failure(slug: str, scope: Scope) -> Job | None:
    """The latest job for this answer, if it failed within the hour; after that it is worth trying again."""
    job = Job.objects.filter(kind=KIND, parameters__key=scope.key(slug)).order_by("-pk").first()
    if job is None or job.state != Job.State.FAILED:
        return None
    return job if (job.finished_at or job.created_at) > timezone.now() - TRIED_AGAIN else None
