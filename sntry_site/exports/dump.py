"""A dump of one operator's data: a ZIP with every table as Parquet and CSV, written a few thousand rows at a time."""

import csv
import io
import json
import tempfile
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from django.core.files import File
from django.utils import timezone

from stations.jobs import JobRefused, enqueue
from stations.models import Job, Operator
from stations.spreadsheets import safe
from telemetry.analyses.scope import day_start

from .dump_tables import TABLES, Table
from .streaming import rows_of

KIND = "operator_dump"
LONGEST_DAYS = 366
BATCH_ROWS = 10_000
FORMAT = 1  # of the archive; grows when a column changes its meaning or goes


def ask_for_dump(operator: Operator, until: date, days: int = 1, by=None) -> Job:
    """Queue a dump of the `days` whole days (UTC) before `until`. Raises ValueError with a sentence."""
    check_period(until, days, timezone.now())
    return enqueue(KIND, {"until": until.isoformat(), "days": days}, created_by=by, operator=operator)


def check_period(until: date, days: int, now: datetime) -> None:
    """Raise ValueError unless it is 1 to 366 whole days that are over."""
    if not 1 <= days <= LONGEST_DAYS:
        raise ValueError(f"“days” must be 1 to {LONGEST_DAYS}.")
    if not 2000 <= until.year <= 2200 or day_start(until) > now:
        raise ValueError("“until” must be a day that has begun, because a dump is of whole days before it.")


def ask_for_last_day(operators, now: datetime) -> int:
    """Queue the dump of yesterday for each of these operators that has none yet; how many."""
    until, asked = now.astimezone(UTC).date(), 0
    parameters = {"until": until.isoformat(), "days": 1}
    known = Job.objects.filter(kind=KIND, parameters=parameters).exclude(state=Job.State.FAILED)
    for operator in operators.exclude(pk__in=known.values("operator")):
        enqueue(KIND, parameters, operator=operator)
        asked += 1
    return asked


def make_dump(job: Job, progress) -> dict:
    """Write the archive and keep it with the job; a second run after a crash writes it anew."""
    try:
        until, days = date.fromisoformat(job.parameters["until"]), int(job.parameters["days"])
        check_period(until, days, timezone.now())
    except (KeyError, TypeError, ValueError) as error:
        raise JobRefused(str(error)) from None
    if job.operator is None:
        raise JobRefused("A dump is of one operator.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "dump.zip")
        counts = write_archive(path, job.operator, until, days, progress)
        with path.open("rb") as file:
            job.result_file.save(f"dump-{until}-{days}-days.zip", File(file), save=False)
        Job.objects.filter(pk=job.pk).update(result_file=job.result_file.name)
    first = until - timedelta(days=days)
    said = f"{sum(counts.values()):,} rows of {job.operator}, {first} to {until - timedelta(days=1)} (UTC)."
    return {"summary": said, "rows": counts}


def write_archive(path: Path, operator: Operator, until: date, days: int, progress=lambda *_: None) -> dict[str, int]:
    """Write all tables of `operator` for the days before `until`; how many rows each has."""
    end = day_start(until)
    period = {"operator": operator.pk, "start": end - timedelta(days=days), "end": end}
    counts = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for place, table in enumerate(TABLES):
            progress(place, len(TABLES), f"Writing {table.name.replace('_', ' ')}")
            counts[table.name] = _write_table(archive, path.parent, table, period)
        about = {
            "format": FORMAT, "operator": operator.name, "starts_at": f"{period['start']:%Y-%m-%dT%H:%M:%SZ}",
            "ends_at": f"{end:%Y-%m-%dT%H:%M:%SZ}", "rows": counts,
        }  # fmt: skip
        archive.writestr("about.json", json.dumps(about, indent=2))
    progress(len(TABLES), len(TABLES))
    return counts


def _write_table(archive: zipfile.ZipFile, folder: Path, table: Table, period: dict) -> int:
    """One pass over the rows fills both files; the Parquet file is packed by itself, so the archive stores it as is."""
    parquet, count = folder / f"{table.name}.parquet", 0
    with (
        pq.ParquetWriter(parquet, table.schema, compression="zstd") as columns,
        archive.open(f"csv/{table.name}.csv", "w") as packed,
        io.TextIOWrapper(packed, "utf-8", newline="") as text,
    ):
        lines = csv.writer(text, lineterminator="\r\n")
        lines.writerow(table.schema.names)
        for rows in _batches(rows_of(table.query, period)):
            pairs = zip(zip(*rows, strict=True), table.schema.types, strict=True)
            arrays = [pa.array(column, kind) for column, kind in pairs]
            columns.write_batch(pa.record_batch(arrays, schema=table.schema))
            lines.writerows([_cell(value) for value in row] for row in rows)
            count += len(rows)
    archive.write(parquet, f"parquet/{table.name}.parquet", zipfile.ZIP_STORED)
    parquet.unlink()
    return count


def _batches(rows):
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def _cell(value):
    """A value for CSV: times with Z, yes and no as true and false, words that no spreadsheet takes for a formula."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    if isinstance(value, bool):
        return str(value).lower()
    return safe(value)
