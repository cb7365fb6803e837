"""The API: a page of 1,000 rows against a naive serializer and the database's own JSON, calls a second, and ingest.

Ratios count, not absolute figures. `API_CALLS` (3,000) calls at `API_RATE` (150) a second go through key, scope and
throttle of one web process; ingest sends `API_INGEST_CALLS` (10) packed bodies of 10,000 status rows.
"""

import asyncio
import gzip
import os
import statistics
import time
from datetime import UTC, datetime, timedelta

import httpx
import orjson
from django.db import connection
from rest_framework import serializers

from sntry_site.api.chargers import StatusReportRow
from sntry_site.api.rows import in_words, row_fields, select
from stations.models import Charger, Operator, Partner, Scope, Site
from telemetry.models import StatusReport
from tests.live_server import RunningSite

from .database import fresh_database

CALLS = int(os.environ.get("API_CALLS", "3000"))
RATE = int(os.environ.get("API_RATE", "150"))
INGEST_CALLS = int(os.environ.get("API_INGEST_CALLS", "10"))
CHARGERS, PAGE, BODY = 2_000, 1_000, 10_000
BASE = datetime(2026, 1, 1, tzinfo=UTC)
MANY = "1000000000"


class Naive(serializers.ModelSerializer):
    """What is usually written: a serializer of the model that follows its relations row by row."""

    charger = serializers.CharField(source="charger.external_id")

    class Meta:
        model = StatusReport
        fields = ["id", "charger", "reported_at", "status", "error_code", "vendor_code", "temperature_c", "received_at"]


def main() -> None:
    """Print the three measurements."""
    with fresh_database():
        operator = Operator.objects.create(name="Northline")
        site = Site.objects.create(operator=operator, external_id="S1", name="Site")
        Charger.objects.bulk_create(Charger(site=site, external_id=f"C{n:05}") for n in range(CHARGERS))
        _, text = Partner.objects.create(operator=operator, name="Fleetly").issue_key(
            Scope.values, datetime.now(UTC) + timedelta(days=1)
        )
        limits = {f"API_{kind}_PER_MINUTE": MANY for kind in ("READS", "WRITES", "INGESTS", "HEAVY")}
        web = RunningSite(**limits)
        try:
            headers = {"Authorization": f"Bearer {text}", "Content-Type": "application/json"}
            ingest(web.url, headers)
            page()
            whole_page(web.url, headers)
            asyncio.run(calls(web.url, headers))
        finally:
            web.kill()


def bodies(number: int) -> bytes:
    """10,000 packed status rows; every fifth minute a charger says something."""
    states = ("AVAILABLE", "PREPARING", "CHARGING", "FINISHING", "FAULTED")
    rows = []
    for place in range(BODY):
        minute = number * (BODY // CHARGERS) + place // CHARGERS
        at = BASE + timedelta(minutes=5 * minute, seconds=place % 300)
        status = states[(minute + place) % 5]
        rows.append({"charger": f"C{place % CHARGERS:05}", "reported_at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "status": status})
    return gzip.compress(orjson.dumps({"rows": rows}), 1)


def ingest(url: str, headers: dict) -> None:
    """Status rows a second through HTTP, from the first byte to the answer after the commit."""
    prepared, seconds = [bodies(number) for number in range(INGEST_CALLS)], []
    with httpx.Client(base_url=url, headers={**headers, "Content-Encoding": "gzip"}, timeout=60) as client:
        for body in prepared:
            begun = time.perf_counter()
            answer = client.post("/api/v1/telemetry/status/", content=body)
            seconds.append(time.perf_counter() - begun)
            assert answer.json()["changed"] == BODY, answer.text[:500]
        again = client.post("/api/v1/telemetry/status/", content=prepared[0]).json()
    assert again["changed"] == 0
    print(f"Ingest: {BODY * len(seconds) / sum(seconds):,.0f} status rows/s through HTTP "
          f"(median call {BODY / statistics.median(seconds):,.0f}, {INGEST_CALLS} calls of {BODY:,} rows); "
          f"sent again: {again['changed']} rows changed")  # fmt: skip


def page() -> None:
    """Columns to JSON of a page of 1,000 rows, each way side by side."""
    names = list(row_fields(StatusReportRow))
    rows = StatusReport.objects.order_by("pk")[:PAGE]

    def ours() -> bytes:
        return orjson.dumps(in_words(select(rows, StatusReportRow, names), StatusReportRow, names),
                            option=orjson.OPT_UTC_Z, default=str)  # fmt: skip

    def by_orjson() -> bytes:
        return orjson.dumps(list(rows.values("pk", "charger__external_id", *names[2:])), default=str)

    def by_database() -> bytes:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT json_agg(page)::text FROM (SELECT report.id, charger.external_id AS charger, reported_at,"
                " status, error_code, vendor_code, temperature_c, received_at FROM telemetry_statusreport report"
                " JOIN stations_charger charger ON charger.id = report.charger_id ORDER BY report.id LIMIT 1000) page"
            )
            return cursor.fetchone()[0].encode()

    def naive() -> bytes:
        return orjson.dumps(Naive(rows.all(), many=True).data, default=str)

    found = {way.__name__: milliseconds(way) for way in (ours, by_orjson, by_database, naive)}
    print("A page of 1,000 rows: " + ", ".join(f"{name} {ms:.1f} ms" for name, ms in found.items()))
    best = min(ms for name, ms in found.items() if name != "ours")
    print(f"  ours takes {found['ours'] / best:.2f} times the best and is {found['naive'] / found['ours']:.0f} times "
          "as fast as the naive serializer")  # fmt: skip


def milliseconds(way) -> float:
    """The median of 15 runs."""
    taken = []
    for _ in range(15):
        begun = time.perf_counter()
        way()
        taken.append(1000 * (time.perf_counter() - begun))
    return statistics.median(taken)


def whole_page(url: str, headers: dict) -> None:
    """The same page through HTTP, with key, scope and throttle."""
    with httpx.Client(base_url=url, headers=headers) as client:
        taken = milliseconds(lambda: client.get("/api/v1/status-reports/?limit=1000").raise_for_status())
    print(f"  through HTTP with key, scope and throttle, packed: {taken:.1f} ms")


async def calls(url: str, headers: dict) -> None:
    """`RATE` calls a second of pages of 50 rows, begun on time whether or not the earlier ones are back."""
    taken, limits = [], httpx.Limits(max_connections=64, keepalive_expiry=2)
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=30) as client:

        async def one(number: int) -> None:
            begun = time.perf_counter()
            answer = await client.get("/api/v1/chargers/", params={"limit": 50})
            taken.append(1000 * (time.perf_counter() - begun))
            assert answer.status_code == 200, answer.text

        begun, running = time.perf_counter(), []
        for number in range(CALLS):
            await asyncio.sleep(max(0, begun + number / RATE - time.perf_counter()))
            running.append(asyncio.create_task(one(number)))
        await asyncio.gather(*running)
        rate = CALLS / (time.perf_counter() - begun)
    taken.sort()
    print(f"Calls: {rate:.0f} a second of pages of 50 rows, p50 {taken[len(taken) // 2]:.0f} ms, "
          f"p99 {taken[int(0.99 * len(taken))]:.0f} ms")  # fmt: skip
