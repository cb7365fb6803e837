"""What all of OCPI's addresses share: who calls, the envelope of every answer, and pages of lists."""

import base64
import json
import logging
import re
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from functools import wraps

from django.conf import settings
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from stations.client_address import counted
from stations.models import OcpiConnection

from ..api.limits import buckets
from .mapping import moment

VERSIONS = ("2.2.1", "2.3.0")
MOST = 100  # objects on a page
# A page of so many is sorted: by its index PostgreSQL would walk through everything older to find the few that are new.
SORTED = 100_000
LARGEST_BODY = 64 * 1024
LARGEST_OFFSET = 10**9
logger = logging.getLogger(__name__)


class Refused(Exception):
    """An answer without data: OCPI's status code, a sentence, and the HTTP status where that is not 200."""

    def __init__(self, code: int, message: str, http: int = 200, wait_seconds: int = 0):
        super().__init__(message)
        self.code, self.http, self.wait_seconds = code, http, wait_seconds


def speaks(*methods: str):
    """Make `view(request, connection, ...)` an address of OCPI: it returns data, or an answer of its own."""

    def wrap(view):
        @csrf_exempt
        @wraps(view)
        def answered(request, *args, **kwargs):
            try:
                connection = caller(request)
                if request.method not in methods:
                    raise Refused(2000, f"{request.method} is not possible here.", 405)
                data = view(request, connection, *args, **kwargs)
                answer = data if isinstance(data, HttpResponse) else enveloped(data)
            except Refused as error:
                answer = enveloped(None, error.code, str(error), error.http)
                if error.http == 405:
                    answer["Allow"] = ", ".join(methods)
                if error.wait_seconds:
                    answer["Retry-After"] = str(error.wait_seconds)
            return _with_ids(request, answer)

        return answered

    return wrap


def enveloped(data, code: int = 1000, message: str = "Success", http: int = 200) -> HttpResponse:
    """The envelope; without data where there is an error."""
    body = {"status_code": code, "status_message": message[:255], "timestamp": moment(timezone.now())}
    body |= {} if data is None else {"data": data}
    answer = HttpResponse(json.dumps(body, allow_nan=False), content_type="application/json", status=http)
    answer["Cache-Control"] = "no-store"
    return answer


def tokens_of(header: str) -> list[str]:
    """What `Authorization: Token ...` may mean: the token in base64, as it should be, or as it is."""
    match = re.fullmatch(r"[Tt]oken\s+(\S{1,400})", header.strip())
    if not match:
        return []
    found = [match[1]]
    with suppress(ValueError):  # no base64, or no text
        found.append(base64.b64decode(match[1] + "=" * (-len(match[1]) % 4), validate=True).decode().strip())
    return [token for token in found if token]


def caller(request: HttpRequest) -> OcpiConnection:
    """The connection whose token was sent. Raises Refused (401, and 429 for who calls too often, or only guesses)."""
    tokens = tokens_of(request.headers.get("Authorization", ""))
    connection = OcpiConnection.objects.of_tokens(tokens) if tokens else None
    if connection is None:
        _count("stranger", f"stranger:{counted(request)}")
        raise Refused(2001, "Send Authorization: Token <your token in base64>; this one is missing or not known.", 401)
    _count("read", f"ocpi:{connection.pk}")
    return connection


def _count(kind: str, who: str) -> None:
    """Strangers share their bucket with the API's, so that a guesser has no second one here."""
    limit, seconds = settings.API_LIMITS[kind]
    allowed, wait, _ = buckets.take(who, limit, seconds)
    if not allowed:
        wait = max(1, -(-wait // 1000))
        raise Refused(2000, f"At most {limit} calls in {seconds} s; try again in {wait} s.", 429, wait)


def body_of(request: HttpRequest) -> dict:
    """The JSON object that was sent. Raises Refused (400) for what is none."""
    if len(request.body) > LARGEST_BODY:
        raise Refused(2000, "A body may have 64 kB.", 413)
    try:
        body = json.loads(request.body.decode())
    except (ValueError, RecursionError):
        raise Refused(2001, "The body is not JSON (UTF-8).", 400) from None
    if not isinstance(body, dict):
        raise Refused(2001, "The body must be a JSON object.")
    return body


def party_of(connection: OcpiConnection) -> tuple[str, str]:
    """The operator as this partner knows it."""
    return connection.country_code, connection.party_id


def check_version(version: str, known: tuple[str, ...] = VERSIONS) -> str:
    """The version, if it is spoken here. Raises Refused (404)."""
    if version not in known:
        raise Refused(3002, f"There is no version {version[:10]} here; known are {', '.join(known)}.", 404)
    return version


def address(request: HttpRequest, path: str) -> str:
    """The whole address of a path under /ocpi/."""
    return request.build_absolute_uri(f"/ocpi/{path}")


def moment_of(values, name: str) -> datetime | None:
    """A time of the address: UTC with Z or without a zone. Raises Refused (2001)."""
    said = values.get(name)
    if said is None:
        return None
    match = re.fullmatch(r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)Z?)?", said, re.ASCII)
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2] or '00:00:00'}").replace(tzinfo=UTC)
    except (TypeError, ValueError):
        raise Refused(2001, f"“{name}” must be a time in UTC such as 2026-06-29T20:39:09Z.") from None


def page(request: HttpRequest, rows, updated: str, shown) -> HttpResponse:
    """A page of `rows` (a queryset, oldest first) that changed in [date_from, date_to), each batch as `shown` says."""
    rows, (offset, limit) = rows.filter(**changed_in(request, updated)), part_of(request)
    total = rows.count()
    if total <= SORTED:
        rows = rows.order_by(F("pk") + 0)
    return listed(request, shown(list(rows[offset : offset + limit])) if limit else [], total, offset, limit)


def changed_in(request: HttpRequest, updated: str) -> dict[str, datetime]:
    """The filters of rows whose `updated` lies in [date_from, date_to). Raises Refused (2001)."""
    ends = {"gte": moment_of(request.GET, "date_from"), "lt": moment_of(request.GET, "date_to")}
    return {f"{updated}__{name}": at for name, at in ends.items() if at}


def part_of(request: HttpRequest) -> tuple[int, int]:
    """Offset and limit of the page that is asked for. Raises Refused (2001)."""
    offset = count(request.GET, "offset", 0, LARGEST_OFFSET)
    return offset, min(count(request.GET, "limit", MOST, LARGEST_OFFSET), MOST)


def listed(request: HttpRequest, data: list, total: int, offset: int, limit: int) -> HttpResponse:
    """The answer to a page, with its headers."""
    answer = enveloped(data)
    answer["X-Total-Count"], answer["X-Limit"] = str(total), str(MOST)
    if limit and offset + limit < total:
        query = request.GET.copy()
        query["offset"], query["limit"] = str(offset + limit), str(limit)
        answer["Link"] = f'<{request.build_absolute_uri(request.path)}?{query.urlencode()}>; rel="next"'
    return answer


def count(values, name: str, usual: int, most: int) -> int:
    said = values.get(name, str(usual))
    if not re.fullmatch(r"[0-9]{1,10}", said) or int(said) > most:
        raise Refused(2001, f"“{name}” must be a whole number from 0 on.")
    return int(said)


def _with_ids(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """Both ids come back as they were sent, as far as they can stand in a header."""
    for name in ("X-Request-ID", "X-Correlation-ID"):
        said = request.headers.get(name, "")
        answer[name] = said if re.fullmatch(r"[!-~]{1,64}", said) else secrets.token_hex(16)
    return answer
