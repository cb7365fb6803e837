"""Telemetry that comes in: up to 10,000 rows a call, each judged by itself, stored together through the sole writers.

The same rows sent again, or in another order, leave the same tables; a row replaces the one with the same natural key
(charger or site, and time).
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from rest_framework import serializers

from stations.models import Charger, Scope, Site
from telemetry.models import ChargerStatus, ChargingSession, LocalEvent, Reading, SiteStatus, StatusReport, Weather

from .access import seen
from .fields import Body, Id, Moment, Number, Text, Whole, Word, YesNo
from .money import Money
from .posting import Posted, made
from .problems import Problem

MOST_ROWS = 10_000
MOST_TOLD = 1_000  # refused rows that are told one by one
AHEAD = timedelta(minutes=5)  # clocks differ a little
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
STATUSES = tuple(ChargerStatus.values)  # once, because Django makes the list anew each time


class Wrong(ValueError):
    """A row of the right form that cannot be taken: the path of the field, and why."""


class Malformed(ValueError):
    """A row that is not of the form of the contract: the mistake is in the caller's program, and nothing is stored."""


class StatusIn(Body):
    charger = Id()
    reported_at = Moment()
    status = Word(ChargerStatus.choices)
    error_code = Text(required=False, allow_blank=True, max_length=50)
    vendor_code = Text(required=False, allow_blank=True, max_length=50)
    temperature_c = Number(required=False, allow_null=True, min_value=-100, max_value=300)


class SessionIn(Body):
    charger = Id()
    started_at = Moment()
    ended_at = Moment(required=False, allow_null=True, help_text="Null: it goes on.")
    energy_kwh = Number(required=False, min_value=0, max_value=100_000)
    success = YesNo(required=False, allow_null=True)


class ReadingIn(Body):
    site = Id()
    at = Moment(help_text="The end of the half-hour: at :00 or :30.")
    ports_available = Whole(max_value=1000)
    ports_occupied = Whole(max_value=1000)
    ports_out_of_service = Whole(max_value=1000)
    utilization = Number(min_value=0, max_value=1)
    status = Word(SiteStatus.labels)
    wait_minutes = Number(min_value=0, max_value=10_000)
    session_minutes = Number(min_value=0, max_value=100_000)
    price = Money(max_digits=8, min_value=0)
    temperature_f = Number(min_value=-150, max_value=200)
    precipitation_mm = Number(min_value=0, max_value=1000)
    weather = Word(Weather.labels)
    gas_price = Money(max_digits=6, decimal_places=3, min_value=0)
    traffic_index = Number(min_value=0, max_value=10)
    local_event = Word(LocalEvent.labels)


def rows_of(row: type[Body]) -> type[Body]:
    """The body: an object with a list of rows."""
    return type(f"{row.__name__}Rows", (Body,), {"rows": row(many=True, allow_empty=True)})


class Taken(serializers.Serializer):
    """What became of the rows."""

    accepted = serializers.IntegerField(help_text="Rows that are stored now, whether they were known or not.")
    changed = serializers.IntegerField(help_text="Of them, those that were new or different.")
    rejected = serializers.ListField(
        child=serializers.DictField(), help_text="Rows that were not taken: row (from 0), path and message."
    )
    rejected_count = serializers.IntegerField()


class Ingest(Posted):
    """POST rows; each is taken or refused by itself, and the answer comes once those taken are committed."""

    limit_class, scopes = "ingest", {"POST": Scope.TELEMETRY_WRITE}
    answer_row, statuses = Taken, (202,)
    is_audited = False  # it comes every few seconds, and the rows themselves say what was sent
    row: type[Body]
    known: str  # the field that names a charger or a site

    def send(self, request):
        """202 with what became of each row; 422, and nothing is stored, where a row is not of the right form."""
        rows = _rows(request.data)
        places = self._places(request, rows)
        taken, refused, malformed = [], [], []
        latest, check = timezone.now() + AHEAD, self.check
        for number, row in enumerate(rows):
            try:
                taken.append(check(row, places, latest))
            except Wrong as wrong:
                path, message = wrong.args
                refused.append({"row": number, "path": f"/rows/{number}{path}", "message": message})
            except Malformed as wrong:
                path, message = wrong.args
                malformed.append({"path": f"/rows/{number}{path}", "message": message})
        if malformed:
            raise Problem(422, "Rows are not of the right form, and nothing was stored.", malformed[:MOST_TOLD])
        changed = self.store([list(column) for column in zip(*taken, strict=True)]) if taken else 0
        values = {"accepted": len(taken), "changed": changed, "rejected": refused[:MOST_TOLD]}
        return made({**values, "rejected_count": len(refused)}, status=202)

    def _places(self, request, rows: list) -> dict[str, int]:
        """The ids of the places that the rows name, of those that exist for the caller and report for themselves."""
        names = {row.get(self.known) for row in rows if type(row) is dict and type(row.get(self.known)) is str}
        model = Charger if self.known == "charger" else Site
        simulated = "site__operator__is_simulated" if model is Charger else "operator__is_simulated"
        found = seen(model, request.user).filter(external_id__in=names).values_list("external_id", "pk", simulated)
        found = list(found) if names else []
        if any(is_simulated for *_, is_simulated in found):
            raise Problem(409, "This operator is simulated: the loop makes its telemetry, and takes none from outside.")
        return {name: pk for name, pk, _ in found}

    check: Callable
    store: Callable


def _rows(data) -> list:
    if type(data) is not dict or type(data.get("rows")) is not list:
        raise serializers.ValidationError({"rows": ['Send an object with a list: {"rows": [...]}.']})
    if extra := [name for name in data if name != "rows"]:
        raise serializers.ValidationError({name: ["There is no such field; known is rows."] for name in extra})
    if len(data["rows"]) > MOST_ROWS:
        raise Problem(413, f"At most {MOST_ROWS:,} rows at once; send the others in another call.")
    return data["rows"]


def _known(row, fields: frozenset[str]) -> None:
    if type(row) is not dict:
        raise Malformed("", "A row is an object.")
    if not row.keys() <= fields:
        name = min(row.keys() - fields)
        raise Malformed(f"/{name[:50]}", f"There is no such field; known are {', '.join(sorted(fields))}.")


def _id(row: dict, name: str) -> str:
    value = row.get(name)
    if type(value) is not str or not 0 < len(value) <= 64:
        raise Malformed(f"/{name}", "Text of 1 to 64 characters.")
    return value


def _place(value: str, name: str, places: dict[str, int]) -> int:
    place = places.get(value)
    if place is None:
        raise Wrong(f"/{name}", f"There is no such {name}, or it is not yours.")
    return place


def _within(at: datetime, name: str, latest: datetime) -> datetime:
    if not EARLIEST <= at <= latest:
        raise Wrong(f"/{name}", "The time lies in the future, or before the year 2000.")
    return at


def _time(row: dict, name: str) -> datetime:
    value = row.get(name)
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None or value[10] not in "Tt":
            raise ValueError(value)
        at = at.astimezone(UTC)
    except OverflowError:
        at = datetime.min.replace(tzinfo=UTC)
    except (TypeError, ValueError, IndexError):
        raise Malformed(f"/{name}", "Write a time with its zone, for example 2026-11-21T12:00:00Z.") from None
    return at


def _number(row: dict, name: str, low: float, high: float, usual: float | None = None) -> float:
    value = row.get(name, usual)
    if type(value) not in (int, float) or not low <= value <= high or not math.isfinite(value):
        raise Malformed(f"/{name}", f"A number from {low} to {high}.")
    return value


def _text(row: dict, name: str, longest: int) -> str:
    value = row.get(name, "")
    if type(value) is not str or len(value) > longest:
        raise Malformed(f"/{name}", f"Text of at most {longest} characters.")
    return value


def _word(row: dict, name: str, words) -> str:
    value = row.get(name)
    if type(value) is not str or value not in words:
        raise Malformed(f"/{name}", f"One of {', '.join(words)}.")
    return value


class StatusIngest(Ingest):
    """Send what chargers said of themselves."""

    row, known, body = StatusIn, "charger", rows_of(StatusIn)
    names = frozenset(StatusIn().fields)

    def check(self, row, places, latest) -> tuple:
        """The columns of one report, or what is wrong with it; its form is looked at first."""
        _known(row, self.names)
        charger, at, warm = _id(row, "charger"), _time(row, "reported_at"), row.get("temperature_c")
        said = (
            _word(row, "status", STATUSES),
            _text(row, "error_code", 50) if "error_code" in row else "",
            None if warm is None else _number(row, "temperature_c", -100, 300),
            _text(row, "vendor_code", 50) if "vendor_code" in row else "",
        )
        return _place(charger, "charger", places), _within(at, "reported_at", latest), *said

    def store(self, columns) -> int:
        """Through the sole writer of reports, states and outages."""
        return StatusReport.objects.record(*columns)


class SessionIngest(Ingest):
    """Send charging sessions; one that goes on is sent again when it has ended."""

    row, known, body = SessionIn, "charger", rows_of(SessionIn)
    names = frozenset(SessionIn().fields)

    def check(self, row, places, latest) -> tuple:
        """The columns of one session, or what is wrong with it; its form is looked at first."""
        _known(row, self.names)
        charger, started, success = _id(row, "charger"), _time(row, "started_at"), row.get("success")
        ended = _time(row, "ended_at") if row.get("ended_at") is not None else None
        if success is not None and type(success) is not bool:
            raise Malformed("/success", "true, false or null.")
        energy = _number(row, "energy_kwh", 0, 100_000, 0)
        if ended is not None and _within(ended, "ended_at", latest) < started:
            raise Wrong("/ended_at", "It ends before it starts.")
        return _place(charger, "charger", places), _within(started, "started_at", latest), ended, energy, success

    def store(self, columns) -> int:
        """Through the sole writer of sessions that come from outside."""
        return ChargingSession.objects.record(*columns)


class ReadingIngest(Ingest):
    """Send measured half-hours of sites."""

    row, known, body = ReadingIn, "site", rows_of(ReadingIn)
    names = frozenset(ReadingIn().fields)
    words = {
        name: dict(zip(kinds.labels, kinds.values, strict=True))
        for name, kinds in (("status", SiteStatus), ("weather", Weather), ("local_event", LocalEvent))
    }

    def check(self, row, places, latest) -> tuple:
        """The columns of one half-hour, or what is wrong with it; its form is looked at first."""
        _known(row, self.names)
        site, at = _id(row, "site"), _time(row, "at")
        measured = [self._value(row, name) for name in Reading.INGESTED]
        if _within(at, "at", latest).timestamp() % 1800:
            raise Wrong("/at", "A half-hour ends at :00 or :30.")
        return _place(site, "site", places), at, *measured

    def _value(self, row, name):
        if name in self.words:
            return self.words[name][_word(row, name, self.words[name])]
        field = READING_FIELDS[name]
        if isinstance(field, Money):
            try:
                return field.run_validation(row.get(name) if type(row.get(name)) is str else "")
            except serializers.ValidationError as error:
                raise Malformed(f"/{name}", f"Money is text: {error.detail[0]}") from None
        if isinstance(field, Whole) and type(row.get(name)) is float and row[name].is_integer():
            row = {name: int(row[name])}  # JSON knows one kind of number: 30.0 is 30
        if name not in row or (isinstance(field, Whole) and type(row[name]) is not int):
            raise Malformed(f"/{name}", "A whole number is needed." if isinstance(field, Whole) else "It is needed.")
        return _number(row, name, field.min_value, field.max_value)

    def store(self, columns) -> int:
        """Through the sole writer of half-hours that are sent."""
        return Reading.objects.record(*columns)


READING_FIELDS = ReadingIn().fields
