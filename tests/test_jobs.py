"""A long task is a row: it is done once, it says how far it is, and it survives the death of whoever does it."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from celery import current_app
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from sntry_site.tasks import retain_task
from stations import broker, jobs
from stations.models import Job
from stations.progress import JobProgress

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "progress"])


@jobs.job_kind("test.count")
def count(job, progress):
    for step in range(job.parameters["steps"]):
        progress(step, job.parameters["steps"], f"step {step}")
    return {"counted": job.parameters["steps"]}


@jobs.job_kind("test.refuse")
def refuse(job, progress):
    raise jobs.JobRefused("line 7: the price is negative; give a price of 0 or more")


@jobs.job_kind("test.fail")
def fail(job, progress):
    raise KeyError("ports")


@jobs.job_kind("test.unstorable")
def unstorable(job, progress):
    return {"mean": float("nan")}


@jobs.job_kind("test.lose_connection")
def lose_connection(job, progress):
    raise OperationalError("server closed the connection unexpectedly")


@jobs.job_kind("test.file")
def measure_file(job, progress):
    return {"bytes": job.upload.size}


def make_job(kind="test.count", **values) -> Job:
    values = {"parameters": {"steps": 3}, "heartbeat_at": timezone.now()} | values
    return Job.objects.create(kind=kind, **values)


def test_a_job_is_done_and_keeps_its_result():
    job = make_job()
    assert jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result, job.percent, job.attempts) == ("done", {"counted": 3}, 100, 1)
    assert job.finished_at >= job.started_at


def test_a_job_is_done_by_one_runner_however_often_it_is_sent():
    job, outcomes = make_job(), []

    def work():
        outcomes.append(jobs.run(job.pk))
        connections.close_all()

    runners = [threading.Thread(target=work) for _ in range(4)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    assert sorted(outcomes) == [False, False, False, True]
    assert not jobs.run(job.pk)
    assert Job.objects.get().attempts == 1


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("test.refuse", "line 7: the price is negative; give a price of 0 or more"),
        ("test.fail", "KeyError: 'ports'"),
        ("test.unstorable", "ValueError: Out of range float values are not JSON compliant"),
    ],
)
def test_a_job_that_fails_says_why(kind, message):
    job = make_job(kind)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == "failed"
    assert job.message.startswith(message)


def test_a_job_that_loses_its_database_is_tried_again_but_not_for_ever():
    job = make_job("test.lose_connection")
    for attempt in (1, 2, 3):
        assert Job.objects.get().state == "queued"
        jobs.run(job.pk)
        assert Job.objects.get().attempts == attempt
    job.refresh_from_db()
    assert (job.state, job.message) == ("failed", "OperationalError: server closed the connection unexpectedly")


def test_a_kind_that_nobody_knows_is_refused_at_once():
    with pytest.raises(LookupError, match="no_such_kind"):
        jobs.enqueue("no_such_kind")
    assert not Job.objects.exists()


def test_a_file_goes_with_the_job(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    job = jobs.enqueue("test.file", upload=ContentFile(b"12345", name="readings.csv"))
    jobs.run(job.pk)
    assert Job.objects.get().result == {"bytes": 5}


def test_enqueue_sends_the_job_to_the_workers_after_the_commit():
    queue = current_app.conf.task_default_queue
    with current_app.connection_for_read() as opened, opened.SimpleQueue(queue) as waiting:
        waiting.clear()
        with transaction.atomic():
            job = jobs.enqueue("test.count", {"steps": 1})
            with pytest.raises(waiting.Empty):
                waiting.get(timeout=0.2)
        message = waiting.get(timeout=60)
    message.ack()
    assert message.headers["task"] == "stations.run_job"
    assert message.payload[0] == [job.pk]


@pytest.fixture
def broker_at():
    """Points Celery at another broker for one test."""
    before = current_app.conf.broker_url

    def point(url):
        current_app.conf.broker_url = current_app.conf.broker_write_url = url

    yield point
    current_app.conf.broker_url = current_app.conf.broker_write_url = before


def test_a_broker_that_is_away_neither_breaks_nor_delays_enqueue(broker_at, tmp_path):
    broker_at(f"redis+socket://{tmp_path}/nobody.sock")
    started = time.monotonic()
    job = jobs.enqueue("test.count", {"steps": 1})
    assert time.monotonic() - started < 20
    assert Job.objects.get().state == "queued"
    Job.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=21))
    assert jobs.redrive() == 1
    assert jobs.run(job.pk)


def test_a_broker_that_hangs_delays_enqueue_by_two_seconds_at_most(broker_at):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker_at(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        started = time.monotonic()
        jobs.enqueue("test.count", {"steps": 1})
        assert time.monotonic() - started < 20, "it waited for an answer"
    assert max(broker.BOUNDED.values()) <= 1, "a second to connect and one to send"
    assert Job.objects.get().state == "queued"


def test_the_sweeper_leaves_fresh_jobs_alone_and_does_not_send_one_twice_in_a_row():
    now = timezone.now()
    make_job()
    make_job(state="running", attempts=1, heartbeat_at=now - timedelta(seconds=50))
    make_job(heartbeat_at=now - timedelta(seconds=30))
    assert jobs.redrive() == 1
    assert jobs.redrive() == 0


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_host_whose_clock_is_wrong_takes_no_running_job_away(monkeypatch, hours):
    """Heartbeats, and whether one is old, are by the clock of the database alone."""
    wrong = timezone.now() + timedelta(hours=hours)
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: wrong)
        job = jobs.enqueue("test.count", {"steps": 1})
        assert jobs.redrive() == 0
        claimed = Job.objects.claim(job.pk)
        assert jobs.redrive() == 0
        Job.objects.update(heartbeat_at=wrong)
        JobProgress(claimed)._write()
        assert jobs.redrive() == 0
    job = Job.objects.get()
    assert (job.state, job.attempts) == ("running", 1)
    assert abs(timezone.now() - job.heartbeat_at) < timedelta(minutes=1)


def test_a_job_whose_runner_fell_silent_is_sent_again_and_given_up_after_three_attempts():
    long_ago = timezone.now() - timedelta(seconds=61)
    job = make_job(state="running", attempts=2, heartbeat_at=long_ago)
    assert jobs.redrive() == 1
    assert Job.objects.get().state == "queued"
    assert jobs.run(job.pk)
    Job.objects.update(state="running", heartbeat_at=long_ago)
    assert jobs.redrive() == 0
    job.refresh_from_db()
    assert job.state == "failed"
    assert job.message == "Given up: the worker stopped in the middle of it 3 times. Its log says more."


def test_progress_is_seen_while_the_transaction_of_the_job_is_open():
    job = Job.objects.claim(make_job().pk, at=timezone.now())
    with JobProgress(job) as progress, transaction.atomic():
        Job.objects.exists()
        progress(40, 100, "loading")
        deadline, seen = time.monotonic() + 60, [(0, None, "")]

        def read() -> None:
            while "loading" not in seen[0] and time.monotonic() < deadline:
                seen[:] = Job.objects.values_list("done", "total", "message")
            connection.close()

        reader = threading.Thread(target=read)
        reader.start()
        reader.join()
    assert seen == [(40, 100, "loading")]


# A statement that is over once it has seen two heartbeats.
BEATS = """
DO $$
DECLARE
    seen timestamptz := now();
    beats int := 0;
BEGIN
    FOR step IN 1..1200 LOOP
        PERFORM pg_sleep(0.05);
        IF (SELECT heartbeat_at FROM stations_job) > seen THEN
            beats := beats + 1;
            SELECT heartbeat_at INTO seen FROM stations_job;
        END IF;
        IF beats = 2 THEN RETURN; END IF;
    END LOOP;
    RAISE 'only % heartbeats in a minute', beats;
END $$
"""


def test_the_heartbeat_goes_on_during_a_long_statement(monkeypatch):
    monkeypatch.setattr("stations.progress.HEARTBEAT_SECONDS", 0.2)
    job = Job.objects.claim(make_job().pk, at=timezone.now() - timedelta(minutes=5))
    with JobProgress(job), connection.cursor() as cursor:
        cursor.execute(BEATS)


def go_on(progress) -> None:
    """Steps for a minute, in one of which it is noticed."""
    for _ in range(600):
        time.sleep(0.1)
        progress(2, 3)


def test_a_runner_whose_job_was_taken_over_stops_and_its_outcome_is_dropped():
    job = Job.objects.claim(make_job().pk, at=timezone.now())
    Job.objects.update(attempts=2, message="of the second runner")
    with JobProgress(job) as progress:
        progress(1, 3, "of the first runner")
        with pytest.raises(jobs.JobLost):
            go_on(progress)
    assert Job.objects.get().message == "of the second runner"


KILLED = """
import os, django
django.setup()
from django.db import connections
from django.conf import settings
from stations import broker, jobs
for alias in ("default", "progress"):
    connections[alias].settings_dict["NAME"] = {name!r}

@jobs.job_kind("test.count")
def stall(job, progress):
    progress(1, 3, "half way")
    print("begun", flush=True)
    import time; time.sleep(60)

jobs.run({job})
"""


def test_a_job_killed_in_the_middle_is_driven_again_and_ends_once():
    job = make_job()
    code = KILLED.format(name=connection.settings_dict["NAME"], job=job.pk)
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "sntry_site.settings"}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, env=environment) as runner:
        assert runner.stdout.readline() == b"begun\n"
        assert not jobs.run(job.pk)
        runner.send_signal(signal.SIGKILL)
    assert Job.objects.get().state == "running"
    Job.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=61))
    assert jobs.redrive() == 1
    assert jobs.run(job.pk)
    assert not jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempts, job.result) == ("done", 2, {"counted": 3})


def uploaded(kind: str, **values) -> tuple[Job, Path]:
    job = make_job(kind, **values)
    job.upload.save("a.csv", ContentFile(b"1,2,3"))
    return job, Path(job.upload.path)


@pytest.mark.parametrize("kind", ["test.file", "test.refuse", "test.fail"])
def test_an_upload_is_deleted_when_its_job_has_ended(kind, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    job, file = uploaded(kind)
    assert jobs.run(job.pk)
    assert not file.exists()
    job.refresh_from_db()
    assert job.upload.name, "it still says that the job was about somebody's file"


def test_a_job_that_is_sent_again_keeps_its_upload_until_it_is_given_up(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    job, file = uploaded("test.lose_connection")
    long_ago = timezone.now() - 2 * jobs.SILENT_AFTER
    for attempt in range(1, jobs.ATTEMPTS):
        jobs.run(job.pk)
        job.refresh_from_db()
        assert (job.state, job.attempts, file.exists()) == ("queued", attempt, True)
    Job.objects.filter(pk=job.pk).update(state="running", attempts=jobs.ATTEMPTS - 1, heartbeat_at=long_ago)
    jobs.redrive()
    assert file.exists()
    Job.objects.filter(pk=job.pk).update(state="running", attempts=jobs.ATTEMPTS, heartbeat_at=long_ago)
    jobs.redrive()
    job.refresh_from_db()
    assert (job.state, file.exists()) == ("failed", False)


def test_the_nightly_clearing_deletes_old_results_and_forgotten_uploads(settings, tmp_path):
    settings.MEDIA_ROOT, settings.RESULT_DAYS = tmp_path, 30
    now, kept = timezone.now(), {}
    for days, state in ((31, "done"), (29, "failed"), (0, "running")):
        job, upload = uploaded("test.file", state=state, finished_at=now - timedelta(days=days) if days else None)
        job.result_file.save("r.csv", ContentFile(b"line,reason"))
        kept[days] = (job, upload, Path(job.result_file.path))
    retain_task()
    assert [result.exists() for _, _, result in kept.values()] == [False, True, True]
    assert [upload.exists() for _, upload, _ in kept.values()][1:] == [False, True]
    assert [bool(Job.objects.get(pk=job.pk).result_file) for job, _, _ in kept.values()] == [False, True, True]


@jobs.job_kind("test.wait_for_cancel")
def wait_for_cancel(job, progress):
    Job.objects.create(kind="made on the way", heartbeat_at=timezone.now())
    for step in range(4000):
        progress(step, 4000, "waiting")
        time.sleep(0.05)


def boss():
    return User.objects.create_superuser("boss")


def test_a_job_that_nobody_has_begun_is_cancelled_at_once_and_never_run():
    job, somebody = make_job(), boss()
    assert jobs.cancel(job, somebody) == "cancelled"
    assert not jobs.run(job.pk)
    Job.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))
    assert jobs.redrive() == 0
    job.refresh_from_db()
    assert (job.state, job.attempts, job.cancelled_by) == ("cancelled", 0, somebody)
    assert job.finished_at is not None


def test_a_running_job_that_is_cancelled_stops_at_its_next_step_and_undoes_its_transaction(monkeypatch):
    monkeypatch.setattr("stations.progress.HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr("stations.progress.WRITE_SECONDS", 0.05)
    job, somebody = make_job("test.wait_for_cancel"), boss()

    def work():
        jobs.run(job.pk)
        connections.close_all()

    runner = threading.Thread(target=work)
    began = time.monotonic()
    runner.start()
    while Job.objects.get(pk=job.pk).state != "running":
        time.sleep(0.02)
    assert jobs.cancel(job, somebody) == "running"
    runner.join(100)
    assert time.monotonic() - began < 100
    job.refresh_from_db()
    assert (job.state, job.cancelled_by) == ("cancelled", somebody)
    assert job.message.startswith("Cancelled at ")
    assert job.message.endswith(" of 4,000.")


def test_a_cancelled_job_whose_worker_died_is_not_sent_again():
    long_ago = timezone.now() - timedelta(seconds=61)
    job = make_job(state="running", attempts=1, heartbeat_at=long_ago)
    jobs.cancel(job, boss())
    assert jobs.redrive() == 0
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert "the worker had stopped" in job.message


def test_a_job_that_has_ended_is_cancelled_by_nobody():
    job = make_job(state="done")
    assert jobs.cancel(job, boss()) == "done"
    assert Job.objects.get().cancel_asked_at is None


def test_pages_are_told_when_a_job_is_asked_for_moves_and_ends(monkeypatch):
    told = []
    monkeypatch.setattr("stations.live.publish", lambda kind, payload: told.append(kind))
    job = jobs.enqueue("test.count", {"steps": 1})
    assert told == ["jobs"]
    jobs.run(job.pk)
    assert 2 <= len(told) <= 5
