"""Charging sessions, and readings of sites gathered by time."""

from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone
from rest_framework import serializers

from stations.models import Scope, Site
from telemetry.models import ChargingSession

from .access import seen, seen_or_404
from .bodies import dumps
from .chargers import OF_CHARGER, period
from .fields import Id, Moment, Number, Row, Whole, Word, YesNo
from .money import Money
from .requests import Endpoint
from .rows import CHANGE, FOLLOWED, Filter, Rows, answer, with_parameters

BUCKETS = {"30m": 30, "1h": 60, "3h": 180, "6h": 360, "1d": 1440}  # minutes
MOST_BUCKETS = 1500
EDGE = datetime(2000, 1, 1, tzinfo=UTC)  # of the spans, which PostgreSQL counts from there
# Half-hours that are kept for good, and where there are none yet the ticks of the simulated network.
GATHERED = """
SELECT date_bin(%(bucket)s, at, %(edge)s) AS starts_at, count(*), avg(utilization), max(utilization),
    avg(wait_minutes), avg(temperature_f), avg(price), avg(ports_available), avg(ports_out_of_service)
FROM (
    SELECT at, utilization, wait_minutes, temperature_f, price, ports_available, ports_out_of_service
    FROM telemetry_reading WHERE site_id = %(site)s AND at >= %(since)s AND at < %(until)s
    UNION ALL
    SELECT at, utilization, wait_minutes, temperature_f, price, ports_available, ports_out_of_service
    FROM telemetry_livereading live WHERE site_id = %(site)s AND at >= %(since)s AND at < %(until)s
        AND at >= coalesce((SELECT max(at) FROM telemetry_reading WHERE site_id = %(site)s), '-infinity')
) measured GROUP BY 1 ORDER BY 1
"""


class SessionRow(Row):
    id = Whole(source="pk", help_text="Grows in the order of arrival.")
    charger = Id(source="charger.external_id")
    site = Id(source="charger.site.external_id")
    started_at = Moment()
    ended_at = Moment(allow_null=True, help_text="Null: it goes on.")
    energy_kwh = Number()
    success = YesNo(allow_null=True, help_text="Null: not known.")
    price = Money(allow_null=True, help_text="Fixed at the start; null: not recorded.")
    currency = serializers.CharField(source="charger.site.operator.currency")
    change = Whole(source="change_number", help_text=CHANGE)


class Sessions(Rows):
    """Charging sessions in the order of arrival; followed to their ends by order=change and changed_after."""

    row, all_orders, feeds = SessionRow, ("id", "change", "started_at"), ("id", "change")
    filters = {
        **FOLLOWED,
        **OF_CHARGER,
        **period("started_at"),
        "success": Filter("success", YesNo(required=False)),
    }
    scopes, staff = {"GET": Scope.TELEMETRY_READ}, {"GET": "telemetry.view_chargingsession"}

    def rows(self, request):
        return seen(ChargingSession, request.user)


class BucketRow(Row):
    starts_at = Moment()
    readings = Whole(help_text="How many were gathered.")
    utilization = Number(help_text="Mean, 0 to 1.")
    utilization_max = Number()
    wait_minutes = Number()
    temperature_f = Number()
    price = Money()
    ports_available = Number()
    ports_out_of_service = Number()


class Readings(Endpoint):
    """Readings of one site, gathered into equal spans of time (means); the last 24 hours unless asked otherwise."""

    row, has_pages = BucketRow, True
    scopes, staff = {"GET": Scope.TELEMETRY_READ}, {"GET": "telemetry.view_reading"}
    extras = {"since": Moment(), "until": Moment()}
    parameters = {
        "site": Id(required=True),
        "since": Moment(required=False),
        "until": Moment(required=False),
        "bucket": Word(list(BUCKETS), required=False),
    }

    def get(self, request):
        """At most 1,500 spans at once, up to `until`: choose longer ones, or follow `next` to the end."""
        values, following = checked(request, self.parameters), None
        until = values.get("until", timezone.now())
        since = values.get("since", until - timedelta(days=1))
        length = timedelta(minutes=BUCKETS[values.get("bucket", "30m")])
        site = seen_or_404(Site, request.user, external_id=values["site"])
        most = since - (since - EDGE) % length + MOST_BUCKETS * length  # where a span ends, so that none is cut in two
        if until > most:
            following = with_parameters(request, since=in_z(most), until=in_z(until))
            until = most
        with connection.cursor() as cursor:
            cursor.execute(GATHERED, {"bucket": length, "edge": EDGE, "site": site.pk, "since": since, "until": until})
            names = list(BucketRow().fields)
            found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        for row in found:
            row["price"] = f"{row['price']:.4f}"
            row["ports_available"] = float(row["ports_available"])
            row["ports_out_of_service"] = float(row["ports_out_of_service"])
        return answer(request, dumps({"results": found, "since": since, "until": until, "next": following}))


def in_z(at: datetime) -> str:
    """A time as addresses have it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def checked(request, parameters: dict[str, serializers.Field]) -> dict:
    """The parameters of an address, checked; an error for each that is not known, not right or given twice."""
    errors, values = {}, {}
    for name in request.query_params:
        if name not in parameters:
            errors[name] = [f"There is no such parameter; known are {', '.join(parameters)}."]
        elif len(request.query_params.getlist(name)) > 1:
            errors[name] = ["Give it once."]
    for name, field in parameters.items():
        if name in request.query_params and name not in errors:
            try:
                values[name] = field.run_validation(request.query_params[name])
            except serializers.ValidationError as error:
                errors[name] = error.detail
        elif field.required and name not in errors:
            errors[name] = ["It is needed here."]
    if errors:
        raise serializers.ValidationError(errors)
    return values
