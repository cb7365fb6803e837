"""The network as it was: which months there are, and one frame of the replay in one query."""

from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
from django.db import connection
from django.db.models import OuterRef, Subquery
from django.http import HttpResponse, HttpResponseBadRequest
from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.decorators.http import require_safe

from stations.models import PricingType, Site
from telemetry.models import Reading
from telemetry.risk.loss import expected_loss_per_hour, revenue_at_risk_index

from .access import staff_required
from .board_events import parse_moment
from .board_feed import LEVELS
from .board_view import BoardView, view_of

HALF_HOUR = timedelta(minutes=30)
KEPT_SITES = 50  # whose first and last readings stand for the network's, because the table has no index by time alone
MOST_MONTHS = 120
SETTLED_AFTER = timedelta(hours=2)  # late readings have come by then: a frame may be kept by the browser

# The reading that held at each site, and the risk that was told in the day before: by the index of each table.
_FRAME = """
SELECT site.id, reading.ports_available, reading.ports_occupied, reading.ports_out_of_service, reading.utilization,
    reading.wait_minutes, reading.temperature_f, reading.price::float8, reading.session_minutes, site.power_kw,
    site.pricing_type = %(per_minute)s, coalesce(told.probability, -1), coalesce(told.level, 'low'),
    coalesce(told.reason, '')
FROM stations_site site
JOIN LATERAL (
    SELECT * FROM telemetry_reading past
    WHERE past.site_id = site.id AND past.at <= %(at)s AND past.at > %(at)s - interval '30 minutes'
    ORDER BY past.at DESC LIMIT 1
) reading ON true
LEFT JOIN LATERAL (
    SELECT probability, level, reason FROM telemetry_risk past
    WHERE past.site_id = site.id AND past.at <= %(at)s AND past.at > %(at)s - interval '1 day'
    ORDER BY past.at DESC LIMIT 1
) told ON true
WHERE site.latitude IS NOT NULL
    AND (%(operators)s::bigint[] IS NULL OR site.operator_id = ANY(%(operators)s))
    AND (%(city)s = '' OR site.city = %(city)s) AND (%(kind)s = '' OR site.charger_type = %(kind)s)
ORDER BY site.id
"""


def months(view: BoardView, now: datetime) -> list[dict]:
    """The months of which there is history, newest first: what they are called, and where they begin and end."""
    kept = Reading.objects.filter(site=OuterRef("pk")).values("at")
    some = Site.objects.of_operators(view.operators).order_by("pk").annotate(
        first=Subquery(kept.order_by("at")[:1]), last=Subquery(kept.order_by("-at")[:1])
    )  # fmt: skip
    ends = [pair for pair in some.values_list("first", "last")[:KEPT_SITES] if pair[0]]
    if not ends:
        return []
    first, last = min(first for first, _ in ends), min(max(last for _, last in ends), now)
    found, start = [], datetime(last.year, last.month, 1, tzinfo=UTC)
    while start > first - timedelta(days=31) and len(found) < MOST_MONTHS:
        end = datetime(start.year + start.month // 12, start.month % 12 + 1, 1, tzinfo=UTC)
        begins, ends_at = max(start, first), min(end, last)
        if begins <= ends_at:
            month = {"id": f"{start:%Y-%m}", "name": f"{start:%B %Y}"}
            found.append({**month, "from": _half(begins), "to": _half(ends_at)})
        start = (start - timedelta(days=1)).replace(day=1)
    return found


def _half(at: datetime) -> str:
    """The half-hour that `at` lies in, as addresses carry it."""
    return (at - timedelta(minutes=at.minute % 30)).astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


@require_safe
@staff_required
def frame(request):
    """One moment of the past, of the sites that the person looks at, as parallel lists."""
    at = parse_moment(request.GET.get("at", ""))
    if at is None or not 1990 <= at.year <= 2200:
        return HttpResponseBadRequest("“at” must be a time such as 2026-08-14T12:30Z.")
    columns = _columns(read_frame(view_of(request.user, request.GET), at))
    body = orjson.dumps({"type": "past", "at": _half(at), "sites": columns})
    answer = HttpResponse(body, content_type="application/json")
    is_settled = at < timezone.now() - SETTLED_AFTER
    patch_cache_control(answer, private=True, max_age=600 if is_settled else 0)
    patch_vary_headers(answer, ["Cookie"])
    return answer


def read_frame(view: BoardView, at: datetime) -> list[tuple]:
    """The rows of a frame: one query, whatever the number of sites."""
    parameters = {
        "at": at,
        "operators": None if view.operators is None else sorted(view.operators),
        "city": view.city,
        "kind": view.charger_type,
        "per_minute": PricingType.PER_MINUTE.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FRAME, parameters)
        return cursor.fetchall()


def _columns(rows: list[tuple]) -> dict[str, list]:
    """The rows as the columns of the live frames; a risk that nobody told is null."""
    if not rows:
        return {name: [] for name in ("id",)}
    ids, available, occupied, out, load, wait, heat, price, minutes, kw, per_minute, risk, level, reason = zip(
        *rows, strict=True
    )
    price_, load_, risk_ = np.array(price), np.array(load), np.array(risk)
    working = np.array(available) + np.array(occupied)
    loss = expected_loss_per_hour(
        price_, np.array(per_minute), np.array(kw), load_, working, np.array(out), np.maximum(risk_, 0)
    )
    index = revenue_at_risk_index(price_, load_, np.array(minutes))
    return {
        "id": ids,
        "available": available,
        "occupied": occupied,
        "out": out,
        "utilization": np.rint(100 * load_).astype(int).tolist(),
        "wait": [round(one) for one in wait],
        "temperature": [round(one) for one in heat],
        "price": [f"{one:.4f}" for one in price],
        "risk": [round(100 * one) if one >= 0 else None for one in risk],
        "level": [LEVELS[one] for one in level],
        "reason": reason,
        "loss": [f"{one:.2f}" for one in loss.tolist()],
        "index": np.round(index, 1).tolist(),
        "stressed": [False] * len(ids),
    }
