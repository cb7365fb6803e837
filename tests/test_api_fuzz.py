"""schemathesis finds nothing against the contract, as three callers: all checks, right and wrong data, and sequences.

It runs in this process, without a server and sockets between. `FUZZ_CASES` is how many cases each caller sends at
least, round by round with other seeds; `make fuzz` asks for so many that 20,000 are sent.
"""

import os

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.test import Client
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from stations.access import sync_roles
from stations.models import Operator

from . import fleet, fuzz_hooks  # noqa: F401  (the hooks count for every schema)
from .live_server import ROOT

CASES = int(os.environ.get("FUZZ_CASES", "1"))
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))  # of each operation, in a round
PHASES = os.environ.get("FUZZ_PHASES", "fuzzing,stateful").split(",")
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SECONDS = float(os.environ.get("FUZZ_SECONDS", "10"))  # of a round, which is cut short if it is not over by then


@pytest.fixture
def world(transactional_db, settings, caplog):
    """Two operators, and limits that do not stand in the way."""
    sync_roles()
    for name in ("Northline", "Volterra"):
        fleet.fill(Operator.objects.create(name=name), 3)
    settings.API_LIMITS = dict.fromkeys(settings.API_LIMITS, (10**8, 60))
    settings.ALLOWED_HOSTS = ["*"]
    caplog.set_level("ERROR", "django.request")  # because there are thousands of refusals


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


def one_round(headers: dict[str, str], seed: int, phases: list[str], seconds: float) -> tuple[int, set[str]]:
    """How many cases were sent, and what was found."""
    config = SchemathesisConfig.from_path(ROOT / "tests" / "schemathesis.toml")
    config.update(seed=seed, max_time=seconds, max_failures=None)
    override = config.projects.override
    override.update(headers=headers, continue_on_failure=True, workers=1)
    override.phases.update(phases=phases)
    override.generation.update(modes=["positive", "negative"], max_examples=EXAMPLES, database="none")
    schema = schemathesis.openapi.from_wsgi("/api/schema/", get_wsgi_application(), config=config)
    sent, found = 0, set()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            sent += len(event.recorder.interactions)
            new = set(failures(event.recorder)) - found
            found |= new
            print("".join(f"{each}\n\n" for each in sorted(new)), end="", flush=True)
        elif isinstance(event, events.NonFatalError):
            found.add(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            found.add(repr(event.exception))
    return sent, found


def rounds(seed: int) -> list[list[str]]:
    """The phases, each in a round of its own, so that none takes the time of the others."""
    first = ["coverage"] if CASES > 1 and seed == SEED else []
    return [[phase] for phase in first + PHASES]


def failures(recorder):
    """What the checks of one scenario refused, with the request that shows it."""
    for checks in recorder.checks.values():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                yield f"{recorder.label}: {failure.title}: {failure.message}\n{check.failure_info.code_sample}"


@pytest.mark.parametrize("caller", [a_partner, a_reader, a_colleague], ids=lambda caller: caller.__name__)
@pytest.mark.timeout(7200)
def test_nothing_is_found_as(caller, world):
    headers, sent, found, seed = caller(), 0, set(), SEED
    while sent < CASES:
        for phases in rounds(seed):
            more, failed = one_round(headers, seed, phases, SECONDS)
            if not more:  # on a machine that is busy
                more, failed = one_round(headers, seed, phases, 20 * SECONDS)
            assert more, f"nothing was sent of {phases}"
            sent, found = sent + more, found | failed
            print(f"{caller.__name__}, {', '.join(phases)}: {sent} cases, {len(found)} failures", flush=True)
        seed += 1
    assert not found, "\n\n".join(sorted(found))[:20_000]
