"""schemathesis finds nothing against the contract, as three callers: all checks, right and wrong data, and sequences.

`FUZZ_EXAMPLES` is the most cases per operation and phase; `make fuzz` asks for so many that 20,000 are sent.
"""

import os
import subprocess
import sys

import pytest
from django.test import Client

from stations.access import sync_roles
from stations.models import Operator

from . import fleet
from .live_server import ROOT, elsewhere

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
PHASES = os.environ.get("FUZZ_PHASES", "coverage,fuzzing,stateful" if EXAMPLES > 2 else "fuzzing,stateful")
SEED = os.environ.get("FUZZ_SEED", "1")
MANY = "100000000"
SCHEMATHESIS = [sys.executable, "-m", "schemathesis.cli"]


@pytest.fixture
def site(start_site):
    """A web process whose limits do not stand in the way, and a world of two operators."""
    sync_roles()
    for name in ("Northline", "Volterra"):
        fleet.fill(Operator.objects.create(name=name), 3)
    kinds = ("READS", "WRITES", "INGESTS", "HEAVY", "STRANGERS")
    return start_site(**{f"API_{kind}_PER_MINUTE": MANY for kind in kinds})


def a_partner(**scopes) -> dict[str, str]:
    _, text = fleet.partner(Operator.objects.get(name="Northline"), **scopes)
    return {"Authorization": f"Bearer {text}"}


def a_reader() -> dict[str, str]:
    scopes = ["sites:read", "telemetry:read", "maintenance:read", "events:read"]
    _, text = fleet.partner(Operator.objects.get(name="Volterra"), scopes=scopes)
    return {"Authorization": f"Bearer {text}"}


def a_colleague() -> dict[str, str]:
    client = Client()
    client.force_login(fleet.person("owner", "ops", Operator.objects.get(name="Northline")))
    token = "a" * 32
    session = client.cookies["sessionid"].value
    return {"Cookie": f"sessionid={session}; csrftoken={token}", "X-CSRFToken": token}


@pytest.mark.parametrize("caller", [a_partner, a_reader, a_colleague], ids=lambda caller: caller.__name__)
@pytest.mark.timeout(7200)
def test_nothing_is_found_as(caller, site, tmp_path):
    headers = [f"--header={name}: {value}" for name, value in elsewhere(caller).items()]
    report = tmp_path / "report.json"
    command = [
        *SCHEMATHESIS, "--config-file", ROOT / "tests" / "schemathesis.toml", "run", f"{site.url}/api/schema/",
        *headers, "--checks=all", "--mode=all", f"--phases={PHASES}", f"--max-examples={EXAMPLES}", f"--seed={SEED}",
        "--continue-on-failure", "--suppress-health-check=all", "--warnings=off", "--no-color",
        "--generation-database=none",
        "--output-sanitize=true", f"--report-json-path={report}",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.fuzz_hooks"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=7200, env=environment)
    assert done.returncode == 0, f"{done.stdout[-20000:]}\n{done.stderr[-2000:]}"
