"""What chargers say of themselves: each report a row, and the current state beside the charger."""

from datetime import datetime
from typing import NamedTuple

from django.db import connection, models
from django.db.models import Q

from stations.access import ScopedQuerySet

from .listening import DEAF_SECONDS
from .recording import record_arrays, record_table


class ChargerStatus(models.TextChoices):
    """The states of a charger; word, shape and colour stand here once."""

    AVAILABLE = "AVAILABLE", "Available"
    PREPARING = "PREPARING", "Preparing"
    CHARGING = "CHARGING", "Charging"
    FINISHING = "FINISHING", "Finishing"
    RESERVED = "RESERVED", "Reserved"
    UNAVAILABLE = "UNAVAILABLE", "Unavailable"
    FAULTED = "FAULTED", "Faulted"
    OFFLINE = "OFFLINE", "Offline"
    UNKNOWN = "UNKNOWN", "Unknown"

    @property
    def colour(self) -> str:
        """Name of the colour in static/css/colours.css."""
        if self in FAULT_STATES:
            return {"FAULTED": "critical", "OFFLINE": "offline"}[self.value]
        return {"AVAILABLE": "available", "UNAVAILABLE": "watch", "UNKNOWN": "offline"}.get(self.value, "in-use")

    @property
    def shape(self) -> str:
        return {"available": "●", "in-use": "■", "watch": "◆", "critical": "▲", "offline": "○"}[self.colour]


FAULT_STATES = (ChargerStatus.FAULTED.value, ChargerStatus.OFFLINE.value)
OUT_STATES = (*FAULT_STATES, ChargerStatus.UNAVAILABLE.value)
PLANNED_WORK = "PLANNED_WORK"  # vendor code of the reports by which planned work takes chargers out of service


class StatusReportQuerySet(ScopedQuerySet):
    operator_path = "charger__site__operator"

    def record(
        self, charger_ids, reported_at, statuses, error_codes=None, temperatures_c=None, vendor_codes=None
    ) -> int:
        """Record what chargers said, arrays of equal length; return how many rows are new or different.

        The only writer of StatusReport, ChargerState and Outage, all in one transaction with a fixed number of
        statements. Late, repeated and unordered reports are right: of two for the same charger and instant the later
        one counts, whether in this call or another. Times are aware datetimes, or datetime64 in UTC. Whether a time
        lies in the future is for the caller to check.
        """
        unknown = sorted(set(map(str, statuses)) - set(ChargerStatus.values))
        if unknown:
            raise ValueError(f"unknown charger status {unknown[0]!r}; known are {', '.join(ChargerStatus.values)}")
        return record_arrays(
            charger_ids, reported_at, statuses, error_codes, temperatures_c, vendor_codes, FAULT_STATES
        )

    def record_staged(self, cursor, table: str) -> int:
        """The same for the rows of a staging table, in the order in which they were copied into it.

        Its columns: charger_id bigint, reported_at timestamptz, status text and, where any of them may be null,
        error_code text, vendor_code text, temperature_c double precision.
        """
        return record_table(cursor, table, FAULT_STATES)


class StatusReport(models.Model):
    """A charger said what state it is in, at a time. Rows come in through `StatusReport.objects.record` alone."""

    charger = models.ForeignKey("stations.Charger", models.PROTECT, related_name="status_reports", db_index=False)
    reported_at = models.DateTimeField()
    status = models.CharField(max_length=11, choices=ChargerStatus)
    error_code = models.CharField(max_length=50, blank=True)
    vendor_code = models.CharField(max_length=50, blank=True, default="", db_default="")
    temperature_c = models.FloatField("temperature (°C)", null=True, blank=True)
    received_at = models.DateTimeField(db_default=models.functions.Now())

    objects = StatusReportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["charger", "reported_at"], name="status_report_once_per_charger_and_time")
        ]

    def __str__(self) -> str:
        return f"{self.charger_id} {self.status} at {self.reported_at:%Y-%m-%d %H:%M:%S}"


# Chooses by a hash of charger and seed, so that every charger of a site has the same chance and a run can be repeated.
PICK_WORKING = """
SELECT id, site_id, external_id FROM (
    SELECT charger.id, charger.site_id, charger.external_id, wanted.count,
        row_number() OVER (PARTITION BY charger.site_id ORDER BY hashint8extended(charger.id, %(seed)s)) AS place
    FROM unnest(%(sites)s::bigint[], %(counts)s::bigint[]) AS wanted (site_id, count)
    JOIN stations_charger charger USING (site_id)
    LEFT JOIN telemetry_chargerstate state ON state.charger_id = charger.id
    WHERE state.status IS NULL OR state.status <> ALL(%(out)s)
) AS working WHERE place <= count ORDER BY id
"""


# A fault that is over within two minutes, and a silence of less than five, is noise: of a restart, or of a bad line.
OUT_LONG_ENOUGH = """
SELECT state.charger_id, charger.site_id, charger.external_id, state.status, state.since, operator.is_simulated,
    state.vendor_code, state.error_code
FROM telemetry_chargerstate state
JOIN stations_charger charger ON charger.id = state.charger_id
JOIN stations_site site ON site.id = charger.site_id
JOIN stations_operator operator ON operator.id = site.operator_id
WHERE state.status IN ('FAULTED', 'OFFLINE') AND (operator.is_simulated
        OR state.since > %(at)s - interval '7 days' OR state.charger_id = ANY(%(known)s))
    AND state.since <= %(at)s - CASE state.status WHEN 'FAULTED' THEN interval '2 minutes' ELSE interval '5 minutes' END
ORDER BY state.charger_id
"""
# Of each of the sites: how many chargers it has and how many of them work, and what the site loses an hour.
SITES_NOW = """
SELECT charger.site_id, count(*), count(*) FILTER (WHERE state.status <> ALL(%(out)s)),
    coalesce(max(site_state.expected_loss), 0), max(site.name), max(site.time_zone)
FROM stations_charger charger JOIN stations_site site ON site.id = charger.site_id
LEFT JOIN telemetry_chargerstate state ON state.charger_id = charger.id
LEFT JOIN telemetry_sitestate site_state ON site_state.site_id = charger.site_id
WHERE charger.site_id = ANY(%(sites)s) GROUP BY charger.site_id
"""
MISSED = 3  # intervals without a sign of life, after which a charger shows as offline
# Only what has been silent while somebody listened: not during an outage of ours, and not before all had their time
# to report after it. Where no web process ever ran (imports, tests), there is no row, and silence is silence.
# What has reached us speaks, whatever its reporter's clock says; also within a minute after `at`, because that is when
# a tick may be worked on.
SILENT = """
SELECT state.charger_id FROM telemetry_chargerstate state
JOIN stations_charger charger ON charger.id = state.charger_id
JOIN stations_site site ON site.id = charger.site_id
JOIN stations_operator operator ON operator.id = site.operator_id AND NOT operator.is_simulated
    AND operator.heartbeat_seconds IS NOT NULL
WHERE state.status NOT IN ('OFFLINE', 'UNAVAILABLE')
    AND greatest(state.last_report_at, (SELECT since FROM telemetry_listening))
        < %(at)s - operator.heartbeat_seconds::float8 * %(missed)s * interval '1 second'
    AND state.last_report_at IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM telemetry_statusreport WHERE charger_id = state.charger_id AND reported_at = state.last_report_at
            AND received_at >= %(at)s - operator.heartbeat_seconds::float8 * %(missed)s * interval '1 second'
            AND received_at < %(at)s + interval '1 minute'
    )
    AND NOT EXISTS (SELECT FROM telemetry_listening WHERE noted_at < %(at)s - %(deaf)s * interval '1 second')
"""


class SiteNow(NamedTuple):
    """What counts for how bad an incident at a site is."""

    chargers: int
    working: int
    loss_per_hour: float
    name: str
    time_zone: str


class OutCharger(NamedTuple):
    """A charger that does not work, for longer than noise lasts."""

    charger: int
    site: int
    external_id: str
    status: str
    since: datetime
    is_simulated: bool
    vendor_code: str
    error_code: str


class ChargerStateQuerySet(ScopedQuerySet):
    operator_path = "charger__site__operator"

    def faulted(self):
        """Chargers that cannot be used because something is wrong."""
        return self.filter(status__in=FAULT_STATES)

    def out_long_enough(self, at: datetime, known=()) -> list[OutCharger]:
        """Chargers of all operators that have been faulted for two minutes, or silent for five.

        What has been out for a week at a real operator is old news, except for the chargers in `known` (ids).
        """
        with connection.cursor() as cursor:
            cursor.execute(OUT_LONG_ENOUGH, {"at": at, "known": list(known)})
            return [OutCharger(*row) for row in cursor.fetchall()]

    def sites_now(self, site_ids: list[int]) -> dict[int, SiteNow]:
        """How many chargers these sites have, how many work, and what the sites lose."""
        with connection.cursor() as cursor:
            cursor.execute(SITES_NOW, {"sites": list(site_ids), "out": list(OUT_STATES)})
            return {row[0]: SiteNow(*row[1:]) for row in cursor.fetchall()}

    def out_for_planned_work(self) -> set[int]:
        """Ids of chargers that planned work has taken out of service, and of which nothing else was said since."""
        taken = self.filter(status=ChargerStatus.UNAVAILABLE, vendor_code=PLANNED_WORK)
        return set(taken.values_list("charger_id", flat=True))

    def gone_silent(self, at: datetime) -> list[int]:
        """Chargers that have missed three heartbeats in a row, of operators that have said how often they come."""
        with connection.cursor() as cursor:
            cursor.execute(SILENT, {"at": at, "missed": MISSED, "deaf": DEAF_SECONDS})
            return [row[0] for row in cursor.fetchall()]

    def pick_working(self, counts: dict[int, int], seed: int) -> list[tuple[int, int, str]]:
        """(charger, site, external id) of as many working chargers of each site as `counts` (site -> number) says."""
        parameters = {"sites": list(counts), "counts": list(counts.values()), "seed": seed, "out": list(OUT_STATES)}
        with connection.cursor() as cursor:
            cursor.execute(PICK_WORKING, parameters)
            return cursor.fetchall()


class ChargerState(models.Model):
    """A charger now. Written by `StatusReport.objects.record` alone."""

    charger = models.OneToOneField("stations.Charger", models.CASCADE, primary_key=True, related_name="state")
    status = models.CharField(max_length=11, choices=ChargerStatus, default=ChargerStatus.UNKNOWN)
    error_code = models.CharField(max_length=50, blank=True)
    vendor_code = models.CharField(max_length=50, blank=True, default="", db_default="")
    temperature_c = models.FloatField("temperature (°C)", null=True, blank=True)
    since = models.DateTimeField(null=True, blank=True, help_text="When it entered this state.")
    last_report_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(
        db_default=models.functions.Now(), editable=False, db_index=True
    )  # when we learnt of the status, which may be later than `since`; kept by a trigger

    objects = ChargerStateQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["charger"],
                name="charger_state_out",
                condition=Q(status__in=["FAULTED", "OFFLINE", "UNAVAILABLE"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.charger_id} {self.status}"

    @property
    def charger_status(self) -> ChargerStatus:
        return ChargerStatus(self.status)
