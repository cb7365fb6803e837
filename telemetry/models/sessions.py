from django.db import connection, models, transaction
from django.db.models import F, Q

from stations.access import ScopedQuerySet

from .sites import PRICE_AT

# Rows are in the order in which they were copied: of two for the same charger and start the later one counts.
MERGE = """
INSERT INTO telemetry_chargingsession AS known (charger_id, started_at, ended_at, energy_kwh, success)
SELECT DISTINCT ON (charger_id, started_at) charger_id, started_at, ended_at, coalesce(energy_kwh, 0), success
FROM "{table}" ORDER BY charger_id, started_at, ctid DESC
ON CONFLICT (charger_id, started_at) DO UPDATE
SET ended_at = excluded.ended_at, energy_kwh = excluded.energy_kwh, success = excluded.success
WHERE (known.ended_at, known.energy_kwh, known.success)
    IS DISTINCT FROM (excluded.ended_at, excluded.energy_kwh, excluded.success)
"""


BEGIN = """
INSERT INTO telemetry_chargingsession (charger_id, started_at, energy_kwh, price)
SELECT charger_id, %(at)s, 0, price / 10000.0
FROM unnest(%(chargers)s::bigint[], %(prices)s::bigint[]) AS begun (charger_id, price)
ON CONFLICT (charger_id, started_at) DO NOTHING
"""
START = f"""
INSERT INTO telemetry_chargingsession (charger_id, started_at, energy_kwh, price)
SELECT charger.id, %(at)s, 0, {PRICE_AT}
FROM stations_charger charger
JOIN stations_site site ON site.id = charger.site_id
JOIN telemetry_sitestate state ON state.site_id = charger.site_id
WHERE charger.id = %(charger)s
ON CONFLICT (charger_id, started_at) DO NOTHING RETURNING price
"""  # noqa: S608  (a constant of this code)
STAGE = """
CREATE TEMPORARY TABLE session_batch ON COMMIT DROP AS
SELECT * FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::float8[], %s::boolean[])
    AS sent (charger_id, started_at, ended_at, energy_kwh, success)
"""
FINISH = """
UPDATE telemetry_chargingsession AS known SET ended_at = done.ended_at, energy_kwh = done.kwh, success = done.success
FROM unnest(%(chargers)s::bigint[], %(started)s::timestamptz[], %(ended)s::timestamptz[], %(kwh)s::float8[],
    %(success)s::boolean[]) AS done (charger_id, started_at, ended_at, kwh, success)
WHERE known.charger_id = done.charger_id AND known.started_at = done.started_at
"""


class ChargingSessionQuerySet(ScopedQuerySet):
    operator_path = "charger__site__operator"

    def start(self, charger_id: int, at):
        """A session begins now at a charger, at the price that its site has now; returns that, None if it is known.

        Price and session are of one statement: whoever changes the price at the same moment comes before or after.
        """
        with connection.cursor() as cursor:
            cursor.execute(START, {"charger": charger_id, "at": at})
            row = cursor.fetchone()
        return row[0] if row else None

    def begin(self, charger_ids: list[int], at, prices: list[int]) -> None:
        """Sessions that begin now at chargers, at prices in ten-thousandths, which stay what they are."""
        if charger_ids:
            with connection.cursor() as cursor:
                cursor.execute(BEGIN, {"chargers": charger_ids, "at": at, "prices": prices})

    def finish(self, charger_ids: list[int], started, ended, kwh: list[float], success: list[bool]) -> None:
        """Sessions (by charger and start) are over."""
        if charger_ids:
            columns = {"chargers": charger_ids, "started": started, "ended": ended, "kwh": kwh, "success": success}
            with connection.cursor() as cursor:
                cursor.execute(FINISH, columns)

    @transaction.atomic
    def record(self, charger_ids, started_at, ended_at, energy_kwh, success) -> int:
        """Merge sessions that come from outside, lists of equal length; return how many are new or different.

        Of two for the same charger and start the later one counts. See `record_staged`.
        """
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS session_batch")
            cursor.execute(STAGE, [charger_ids, started_at, ended_at, energy_kwh, success])
            changed = self.record_staged(cursor, "session_batch")
            cursor.execute("DROP TABLE session_batch")
        return changed

    def record_staged(self, cursor, table: str) -> int:
        """Merge the sessions of a staging table; return how many rows are new or different.

        Its columns: charger_id bigint, started_at timestamptz, ended_at timestamptz (null: it goes on), energy_kwh
        double precision, success boolean (null: not known). Prices are not touched: a session that comes from
        outside has none, and one that has a price keeps it.
        """
        cursor.execute(MERGE.format(table=table))
        return cursor.rowcount


class ChargingSession(models.Model):
    """One charging session. Its price is fixed at its start and never changes."""

    charger = models.ForeignKey("stations.Charger", models.PROTECT, related_name="sessions", db_index=False)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it still goes on.")
    energy_kwh = models.FloatField("energy (kWh)", default=0)
    success = models.BooleanField(null=True, blank=True)
    price = models.DecimalField(max_digits=8, decimal_places=4, null=True, blank=True, help_text="Empty: not recorded.")
    changed_at = models.DateTimeField(
        db_default=models.functions.Now(), editable=False
    )  # when we learnt of it; kept by a trigger
    change_number = models.BigIntegerField(
        db_default=0, editable=False, help_text="Grows with each change of any of them; kept by the database."
    )

    objects = ChargingSessionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["change_number"], name="session_by_change"),
            models.Index(fields=["changed_at"], name="session_by_change_time"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["charger", "started_at"], name="session_once_per_charger_and_start"),
            models.CheckConstraint(
                name="session_ends_after_start", condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at"))
            ),
            models.CheckConstraint(name="session_energy_not_negative", condition=Q(energy_kwh__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.charger_id} at {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def minutes(self) -> float | None:
        """How long it lasted, in minutes; None while it goes on."""
        return None if self.ended_at is None else (self.ended_at - self.started_at).total_seconds() / 60
