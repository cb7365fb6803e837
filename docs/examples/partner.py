"""A partner's day in one script: read sites, send telemetry, report a fault, follow the feed. Needs only Python.

SNTRY_URL=https://sntry.example SNTRY_KEY=sntry_... python docs/examples/partner.py
"""

import gzip
import json
import os
import sys
import uuid
from datetime import UTC, datetime
from urllib.error import HTTPError
from urllib.request import Request, urlopen

URL = os.environ.get("SNTRY_URL", "http://127.0.0.1:8000")
KEY = os.environ.get("SNTRY_KEY", "")


def call(method: str, address: str, body=None, **headers):
    """One request; the answer's JSON. Raises HTTPError, whose body says what is wrong and where."""
    address = address if address.startswith("http") else f"{URL}/api/v1/{address}"
    headers = {"Authorization": f"Bearer {KEY}", "Accept": "application/json", **headers}
    data = None
    if body is not None:
        data = gzip.compress(json.dumps(body).encode())
        headers |= {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    request = Request(address, data, headers, method=method)  # noqa: S310  (the address is the caller's own)
    with urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def every(address: str):
    """All rows of a list, page by page."""
    while address:
        page = call("GET", address)
        yield from page["results"]
        address = page["next"]


def main() -> int:
    """Say what there is, and do what a partner does."""
    sites = list(every("sites/?fields=id,name&limit=1000"))
    chargers = list(every("chargers/?fields=id,site&limit=1000"))
    print(f"{len(sites)} sites, {len(chargers)} chargers")
    if not chargers:
        return 0
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = [{"charger": each["id"], "reported_at": now, "status": "AVAILABLE"} for each in chargers]
    told = call("POST", "telemetry/status/", {"rows": rows[:10_000]})
    print(f"{told['accepted']} reports taken, {told['rejected_count']} refused")
    once = {"Idempotency-Key": str(uuid.uuid4())}  # may be sent again after a broken connection
    fault = {"site": chargers[0]["site"], "charger": chargers[0]["id"], "problem": "screen", "text": "dark since noon"}
    incident = call("POST", "incidents/", fault, **once)
    print(f"incident {incident['id']}: {incident['summary']}")
    prices = {row["site"]: row["price"] for row in every("prices/now/?fields=site,price")}
    print(f"{len(prices)} prices, such as {next(iter(prices.values()), 'none')}")
    print(f"{sum(1 for _ in every('events/?limit=1000'))} events")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HTTPError as error:
        sys.exit(f"{error.code}: {error.read().decode()}")
