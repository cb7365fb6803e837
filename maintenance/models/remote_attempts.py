"""What was tried from afar before anybody was sent: the rungs of a ladder, each with the charger's answer."""

from datetime import datetime
from typing import NamedTuple

from django.db import connection, models

from stations.access import ScopedQuerySet

# An incident of a charger, or one of its site that it is under; each rung once, which is what caps the tries.
_NOTE = """
INSERT INTO maintenance_remoteattempt (incident_id, charger_id, rung, at, answer, helped)
SELECT incident.id, tried.charger_id, tried.rung, %(at)s, tried.answer, tried.helped
FROM unnest(%(chargers)s::bigint[], %(rungs)s::text[], %(answers)s::text[], %(helped)s::boolean[])
    AS tried (charger_id, rung, answer, helped)
JOIN LATERAL (
    SELECT id FROM maintenance_incident WHERE charger_id = tried.charger_id AND closed_at IS NULL
    UNION ALL
    SELECT under.incident_id FROM maintenance_incident_chargers under
    JOIN maintenance_incident incident ON incident.id = under.incident_id AND incident.closed_at IS NULL
    WHERE under.charger_id = tried.charger_id
    LIMIT 1
) AS incident ON true
ON CONFLICT (incident_id, charger_id, rung) DO UPDATE SET at = excluded.at, answer = excluded.answer, helped = true
    WHERE excluded.helped AND NOT maintenance_remoteattempt.helped
"""

# A failure is decided when something helped, when all was tried, or when somebody is sent or nobody needed any more.
_HEALED = """
SELECT cause, count(*) FILTER (WHERE is_decided), count(*) FILTER (WHERE by_soft),
    count(*) FILTER (WHERE by_hard), sum(tries)::int, count(*) FILTER (WHERE NOT is_decided)
FROM (
    SELECT incident.cause, count(*) AS tries, bool_or(helped AND rung = 'soft_reset') AS by_soft,
        bool_or(helped AND rung = 'hard_reset') AS by_hard,
        bool_or(helped) OR bool_or(rung = 'hard_reset' AND answer NOT LIKE 'not sent%%')
            OR incident.closed_at IS NOT NULL OR EXISTS (
                SELECT 1 FROM maintenance_workorder work_order WHERE work_order.incident_id = incident.id
            ) AS is_decided
    FROM maintenance_remoteattempt attempt JOIN maintenance_incident incident ON incident.id = attempt.incident_id
    JOIN stations_site site ON site.id = incident.site_id
    WHERE attempt.at >= %(since)s AND attempt.at <= %(now)s
        AND (%(operators)s::bigint[] IS NULL OR site.operator_id = ANY(%(operators)s))
    GROUP BY incident.id, attempt.charger_id
) AS failure GROUP BY cause ORDER BY count(*) DESC, cause
"""


class Healed(NamedTuple):
    """Failures of one suspected cause at which something was tried from afar, and what it came to."""

    cause: str
    failures: int
    soft: int  # after a soft reset
    hard: int  # after a hard reset
    tries: int
    undecided: int  # failures at which tries go on; they are not among the failures


class RemoteAttemptQuerySet(ScopedQuerySet):
    operator_path = "charger__site__operator"

    def note(self, attempts: list[tuple[int, str, str, bool]], at: datetime) -> None:
        """Keep attempts (charger, rung, answer, whether it helped) at chargers with an open incident, each once."""
        if not attempts:
            return
        names = ("chargers", "rungs", "answers", "helped")
        columns = dict(zip(names, map(list, zip(*attempts, strict=True)), strict=True))
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, {**columns, "at": at})

    def healed(self, since: datetime, now: datetime, operators: list[int] | None) -> list[Healed]:
        """What healed itself between two times, by suspected cause, at sites of some operators (None: of all)."""
        with connection.cursor() as cursor:
            cursor.execute(_HEALED, {"since": since, "now": now, "operators": operators})
            return [Healed(*row) for row in cursor.fetchall()]


class RemoteAttempt(models.Model):
    """One thing that was tried from afar, and what the charger answered."""

    class Rung(models.TextChoices):
        POLL = "poll", "Asked for its status"
        SOFT_RESET = "soft_reset", "Soft reset"
        HARD_RESET = "hard_reset", "Hard reset"

    incident = models.ForeignKey("maintenance.Incident", models.CASCADE, related_name="attempts")
    charger = models.ForeignKey("stations.Charger", models.PROTECT, related_name="remote_attempts")
    rung = models.CharField(max_length=10, choices=Rung)
    at = models.DateTimeField(db_index=True)
    answer = models.CharField(max_length=200)
    helped = models.BooleanField(default=False)

    objects = RemoteAttemptQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "charger", "rung"], name="remote_attempt_once_per_incident_charger_and_rung"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_rung_display()}: {self.answer}"
