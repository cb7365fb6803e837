"""The engines and the small named world that the tests share."""

import gc
import os

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.cache.backends.redis import RedisCache
from django.db import connection
from hypothesis import HealthCheck, settings

from stations import redis_rest

from .live_server import chromium, live_site, open_page, shared_site, start_site  # noqa: F401  (fixtures for every test file)
from .receiver import receiver  # noqa: F401

# Made-up examples may take their time on a machine that others use.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Files whose tests also run on PostgreSQL 15 and Redis 7 (`pytest -m core`): they are what those must be able to do.
CORE = {
    "test_arrays", "test_climatology", "test_constraints", "test_history", "test_import_database",
    "test_import_readings", "test_import_status", "test_jobs", "test_live_hub", "test_live_sockets", "test_loop",
    "test_outbox", "test_sessions", "test_status_reports", "test_story", "test_tick_once",
}  # fmt: skip

# Files that take long, the longest first, so that no worker begins one of them when the others have finished.
LONGEST = (
    "test_up", "test_every_page_browser", "test_board_browser", "test_world_truth", "test_order_machine",
    "test_api_fuzz", "test_embedded_engines", "test_work_browser", "test_root_causes", "test_stress_forecast",
    "test_access_matrix", "test_hostile", "test_backup", "test_note_injection", "test_live_causes", "test_tick_shards",
    "test_admin_pages", "test_demo", "test_site_forecast_training", "test_world_check", "test_repair_story",
    "test_live_chargers", "test_forecast", "test_reliability_browser", "test_story",
)  # fmt: skip

# Content types and permissions, which a web process that outlives a test remembers, and what nobody may empty.
KEPT = {"django_content_type", "auth_permission", "stations_auditentry", "stations_auditseal"}

started_engines = pytest.StashKey[list]()


def pytest_configure(config):
    """Start the engines once per run: by the process that starts the workers, before it does."""
    if hasattr(config, "workerinput"):
        return
    if config.getoption("numprocesses", None):
        # As many threads as processors for the models of each process would spend the time waiting for each other.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(name, "1")
    from sntry_site import embedded

    embedded.addresses.VAR_DIR.joinpath("static").mkdir(parents=True, exist_ok=True)  # WhiteNoise warns without it
    try:
        config.stash[started_engines] = embedded.ensure_running()
    except embedded.EnginesUnavailable as error:
        pytest.exit(str(error), returncode=1)


def pytest_unconfigure(config):
    """Stop what this run has started, unless `manage.py up` uses it by now."""
    if config.stash.get(started_engines, []):
        from sntry_site import embedded, single_up

        if not single_up.owner():
            embedded.stop()


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.stem in CORE:
            item.add_marker("core")
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def pytest_collection_finish():
    """What was imported stays: looking through it for garbage takes a fifth of a second, again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def only_rows_that_are_there_are_flushed():
    """Emptying all tables takes a twelfth of a second, some hundred times; few have rows.

    What is in KEPT stays. Nothing is refused for the sake of rows that refer to others, because those go, too.
    """
    filled = "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND pg_relation_size(oid) > 0"

    def flush(style, tables, **options):
        with connection.cursor() as cursor:
            cursor.execute(filled, [sorted(set(tables) - KEPT)])
            rows = "; ".join(f'DELETE FROM "{name}"' for (name,) in cursor)  # noqa: S608  (names of our own tables)
        return ["SET LOCAL session_replication_role = replica", rows] if rows else []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection.ops, "sql_flush", flush)
        yield


@pytest.fixture(scope="session", autouse=True)
def a_cleared_cache_is_ones_own():
    """Django clears the cache by emptying Redis' database, which would take what the other workers of a run cache."""

    def clear(cache):
        client = cache._cache.get_client(write=True)
        for key in client.scan_iter(cache.make_key("*"), count=1000):
            client.delete(key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RedisCache, "clear", clear)
        yield


@pytest.fixture(scope="session", autouse=True)
def passwords_cost_little():
    """Hashing is slow by design, a fifth of a second for each person and each log-in of each test."""
    with pytest.MonkeyPatch.context() as patch:
        for name, little in (("time_cost", 1), ("memory_cost", 64), ("parallelism", 1)):
            patch.setattr(Argon2PasswordHasher, name, little)
        yield


@pytest.fixture(autouse=True)
def redis_is_asked_again():
    """Whatever an earlier test has done to Redis."""
    redis_rest.ask_again()


@pytest.fixture(autouse=True)
def no_live_readings_left(request):
    """Their table is partitioned by hand, so Django's flush after a test with real commits passes it over."""
    if "transactional_db" in request.fixturenames:
        request.getfixturevalue("transactional_db")  # now, because what is set up later is torn down earlier
    yield
    marker = request.node.get_closest_marker("django_db")
    if "transactional_db" in request.fixturenames or (marker and marker.kwargs.get("transaction")):
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE telemetry_livereading")
