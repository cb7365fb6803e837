"""The Celery tasks of the ground floor; the work itself is in `jobs` and `outbox`."""

from celery import shared_task

from . import jobs, outbox


@shared_task(name="stations.run_job")
def run_job(job_id: int, **_) -> None:
    """Do one job. Acknowledged before it starts and without a time limit: its row, not the broker, re-drives it."""
    jobs.run(job_id)


@shared_task(name="stations.redrive_jobs", time_limit=25)
def redrive_jobs(**_) -> None:
    """Send out again the jobs that got lost on the way."""
    jobs.redrive()


@shared_task(name="stations.deliver_outbox", time_limit=55)
def deliver_outbox(**_) -> None:
    """Carry out the side effects that are due."""
    outbox.deliver_due()


@shared_task(name="stations.deliver_outside", time_limit=55)
def deliver_outside(**_) -> None:
    """Carry out what is due for receivers outside."""
    outbox.deliver_outside()
