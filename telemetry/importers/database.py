"""Copy sites, chargers, status reports and sessions out of another PostgreSQL, all or nothing."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.db import connection, transaction
from psycopg import Connection

from stations.models import Charger, Operator, Site
from stations.progress import Progress
from telemetry.models import ChargingSession, SiteState, StatusReport

from .columns import BadValue, Text
from .database_checks import BadRow, create_rejects, first_bad_rows, set_aside_bad_rows, write_rejects
from .database_source import TABLES, check_tables, connected, copy_table, count_rows, create_staging
from .report import SHOWN, ImportRefused
from .staging import CLOCK_SKEW

STATUS_BATCH = """
CREATE TEMP TABLE status_batch AS
SELECT ours.id AS charger_id, "time" AS reported_at, upper(trim(status)) AS status, NULL::text AS error_code,
    NULL::text AS vendor_code, temperature_celsius AS temperature_c
FROM source_charger_status JOIN source_chargers USING (charger_id)
JOIN stations_charger AS ours ON ours.external_id = coalesce(nullif(source_chargers.external_id, ''), charger_id)
"""
SESSION_BATCH = """
CREATE TEMP TABLE session_batch AS
SELECT ours.id AS charger_id, start_time AS started_at, start_time + duration_minutes * interval '1 minute' AS ended_at,
    energy_kwh, success
FROM source_charging_sessions JOIN source_chargers USING (charger_id)
JOIN stations_charger AS ours ON ours.external_id = coalesce(nullif(source_chargers.external_id, ''), charger_id)
"""
PORTS = """
UPDATE stations_site SET ports_total = counted.ports
FROM (SELECT site_id, count(*) AS ports FROM stations_charger GROUP BY site_id) AS counted
WHERE counted.site_id = stations_site.id AND ports_total <> counted.ports
AND external_id IN (SELECT site_id FROM source_sites)
"""


@dataclass
class DatabaseReport:
    """What an import read, how many rows of ours are new or different by it, and what it could not take."""

    read: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    bad_values: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)  # the first of them

    def complaint(self, rejects_path: Path) -> str:
        """What is wrong with the source, row by row as far as that helps."""
        lines = [f"{self.bad_values:,} values of the source database cannot be taken; nothing was imported."]
        lines += [f"  {row}" for row in self.bad_rows]
        if self.bad_values > len(self.bad_rows):
            lines.append(f"  and {self.bad_values - len(self.bad_rows):,} more")
        lines.append(f"All of them are in {rejects_path.name}.")
        lines.append("Put them right in the source, or leave their rows out with --skip-bad.")
        return "\n".join(lines)


def import_database(
    url: str,
    *,
    operator: str,
    progress: Progress,
    now: datetime,
    rejects_path: Path,
    skip_bad: bool = False,
    time_zone: str = "UTC",
) -> DatabaseReport:
    """Copy the four tables of the PostgreSQL at `url`, whose sites are `operator`'s; the same again changes nothing.

    Times without a zone are in `time_zone`. Rows that cannot be taken refuse the whole import, or are left out with
    `skip_bad`; either way all of them are written to `rejects_path`. Raises ImportRefused.
    """
    report, name = DatabaseReport(), _operator_name(operator)
    with transaction.atomic(), connection.cursor() as cursor:
        with connected(url, time_zone) as source:
            check_tables(source)
            _read(source, cursor, report, progress)
        owner, _ = Operator.objects.get_or_create(name=name)
        _check(cursor, report, {"operator": owner.pk, "latest": now + CLOCK_SKEW}, rejects_path)
        if report.bad_values and not skip_bad:
            raise ImportRefused(report.complaint(rejects_path))
        _merge(cursor, owner, report, progress)
    return report


def _operator_name(operator: str) -> str:
    try:
        return Text(Operator._meta.get_field("name").max_length).read(operator)
    except BadValue as error:
        raise ImportRefused(f"The name of the operator {error}; give another with --operator.") from None


def _read(source: Connection, cursor, report: DatabaseReport, progress: Progress) -> None:
    total, done = count_rows(source), 0
    for table in TABLES:
        create_staging(cursor, table)
        report.read[table.name] = copy_table(
            source, cursor, table, lambda rows, before=done, name=table.name: progress(before + rows, total, name)
        )
        done += report.read[table.name]
    progress(done, total, "checking")


def _check(cursor, report: DatabaseReport, limits: dict, rejects_path: Path) -> None:
    create_rejects(cursor)
    for table in TABLES:
        report.bad_values += set_aside_bad_rows(cursor, table.name, limits)
    report.bad_rows = first_bad_rows(cursor, SHOWN)
    if report.bad_values:
        write_rejects(cursor, rejects_path)


def _merge(cursor, owner: Operator, report: DatabaseReport, progress: Progress) -> None:
    total = sum(report.read.values())
    report.changed["sites"] = _merge_sites(cursor, owner)
    report.changed["chargers"] = _merge_chargers(cursor)
    cursor.execute(PORTS)
    SiteState.objects.ensure()
    progress(total, total, "merging status reports")
    cursor.execute(STATUS_BATCH)
    report.changed["charger_status"] = StatusReport.objects.record_staged(cursor, "status_batch")
    progress(total, total, "merging sessions")
    cursor.execute(SESSION_BATCH)
    report.changed["charging_sessions"] = ChargingSession.objects.record_staged(cursor, "session_batch")
    staging = ", ".join(table.staging for table in TABLES)
    cursor.execute(f"DROP TABLE {staging}, rejects, status_batch, session_batch")


def _merge_sites(cursor, owner: Operator) -> int:
    cursor.execute("SELECT site_id, coalesce(nullif(trim(name), ''), site_id) FROM source_sites ORDER BY line")
    names = dict(cursor.fetchall())
    known = Site.objects.in_bulk(list(names), field_name="external_id")
    renamed = [site for key, site in known.items() if site.name != names[key]]
    for site in renamed:
        site.name = names[site.external_id]
    Site.objects.bulk_update(renamed, ["name"], batch_size=1000)
    new = [Site(operator=owner, external_id=key, name=name) for key, name in names.items() if key not in known]
    Site.objects.bulk_create(new, batch_size=1000)
    return len(renamed) + len(new)


def _merge_chargers(cursor) -> int:
    cursor.execute(
        "SELECT coalesce(nullif(staged.external_id, ''), charger_id), ours.id, coalesce(model, ''), "
        "coalesce(connector_type, '') FROM source_chargers AS staged "
        "JOIN stations_site AS ours ON ours.external_id = staged.site_id ORDER BY line"
    )
    wanted = {key: dict(zip(("site_id", "model", "connector_type"), rest, strict=True)) for key, *rest in cursor}
    known = Charger.objects.in_bulk(list(wanted), field_name="external_id")
    changed = [known[key] for key, values in wanted.items() if key in known and _differs(known[key], values)]
    for charger in changed:
        for name, value in wanted[charger.external_id].items():
            setattr(charger, name, value)
    Charger.objects.bulk_update(changed, ["site", "model", "connector_type"], batch_size=1000)
    new = [Charger(external_id=key, **values) for key, values in wanted.items() if key not in known]
    Charger.objects.bulk_create(new, batch_size=1000)
    return len(changed) + len(new)


def _differs(charger: Charger, values: dict) -> bool:
    return any(getattr(charger, name) != value for name, value in values.items())
