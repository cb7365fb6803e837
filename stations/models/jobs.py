from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.urls import reverse

from .access import Membership


class JobQuerySet(models.QuerySet):
    def visible_to(self, user):
        """A person's own jobs, the site's, and those of colleagues who work for none but the person's operators.

        A job about a file was somebody's, even when that person's account is gone, and so is one that tells of rows as
        that person saw them. One that is of an operator is for the members of that operator.
        """
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        if hasattr(user, "partner_id"):  # a partner's key
            return self.filter(operator=user.operator_id)
        elsewhere = Membership.objects.filter(user=OuterRef("created_by")).exclude(
            operator__in=user.memberships.values("operator")
        )
        colleagues = Q(created_by__memberships__operator__in=user.memberships.values("operator"))
        shared = self.filter(colleagues, ~Exists(elsewhere), created_by__is_superuser=False).values("pk")
        nobodys = Q(created_by=None, upload="") & ~Q(kind__in=Job.PERSONAL)
        of_all = Q(created_by=user) | nobodys | Q(pk__in=shared)
        return self.filter(Q(operator=None) & of_all | Q(operator__in=user.memberships.values("operator")))

    def claim(self, job_id: int, at: datetime | None = None) -> "Job | None":
        """Take a queued job for its one runner; None if it is not queued any more. `at` is now by the database."""
        at = at or Now()
        taken = self.filter(pk=job_id, state=Job.State.QUEUED, cancel_asked_at=None).update(
            state=Job.State.RUNNING, attempts=F("attempts") + 1, started_at=at, heartbeat_at=at
        )
        return self.get(pk=job_id) if taken else None

    def cancel(self, job_id: int, by, at: datetime) -> str:
        """Call a job off: at once where nobody has begun it, else by asking its runner; the state it has then.

        `by` may do so; see `Job.may_be_cancelled_by`.
        """
        asked = {"cancel_asked_at": at, "cancelled_by": by}
        ended = {"state": Job.State.CANCELLED, "finished_at": at, "message": "Cancelled before it began."}
        queued = self.filter(pk=job_id, state=Job.State.QUEUED)
        if not queued.update(**asked, **ended):
            self.filter(pk=job_id, state=Job.State.RUNNING, cancel_asked_at=None).update(**asked)
        return self.values_list("state", flat=True).get(pk=job_id)

    def held_by(self, job: "Job"):
        """The row of `job` while the attempt that `job` was claimed for is still the one that runs."""
        return self.filter(pk=job.pk, state=Job.State.RUNNING, attempts=job.attempts)

    def delete_uploads(self) -> None:
        """Delete the files that ended jobs were about; their names stay, because they tell whose the job was."""
        for job in self.filter(state__in=Job.ENDED).exclude(upload=""):
            job.upload.storage.delete(job.upload.name)

    def delete_old_files(self, at: datetime) -> None:
        """Delete the result files of more than RESULT_DAYS ago, and uploads that a dying worker left behind."""
        oldest = at - timedelta(days=settings.RESULT_DAYS)
        self.filter(finished_at__gte=oldest).delete_uploads()
        for job in self.filter(finished_at__lt=oldest).exclude(result_file=""):
            job.result_file.storage.delete(job.result_file.name)
            self.filter(pk=job.pk).update(result_file="")


class Job(models.Model):
    """A long task: what it is, how far it is, how it ended. The row is the queue; the broker only carries its id."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

        @property
        def colour(self) -> str:
            """Name of the colour in static/css/colours.css."""
            looks = {"queued": "offline", "running": "in-use", "done": "available", "failed": "critical"}
            return looks.get(self.value, "watch")

        @property
        def shape(self) -> str:
            return {"queued": "○", "running": "■", "done": "●", "failed": "▲", "cancelled": "◆"}[self.value]

    ENDED = (State.DONE, State.FAILED, State.CANCELLED)
    SILENT_AFTER = timedelta(seconds=60)  # without a heartbeat; then its runner is thought to be gone
    ATTEMPTS = 3
    # Kinds that only people ask for, about rows that they may see; all others tell of the network as a whole.
    PERSONAL = ("answer_reliability", "bulk_action", "export_rows", "import_rows")

    kind = models.CharField(max_length=50)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    parameters = models.JSONField(default=dict, blank=True)
    upload = models.FileField(upload_to="uploads/%Y/%m/", blank=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True, blank=True, help_text="Empty while the amount of work is not known.")
    message = models.CharField(max_length=300, blank=True)
    result = models.JSONField(default=dict, blank=True)
    result_file = models.FileField(upload_to="results/%Y/%m/", blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    operator = models.ForeignKey(
        "stations.Operator", models.CASCADE, null=True, blank=True, related_name="+",
        help_text="Whose data it is about; empty: of no single operator.",
    )  # fmt: skip
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)  # of a queued job: when the workers were last told
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True, help_text="It stops at its next step.")
    cancelled_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["heartbeat_at"], name="job_unfinished", condition=Q(state__in=["queued", "running"]))
        ]

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ').capitalize()} #{self.pk}"

    def get_absolute_url(self) -> str:
        """Its own page."""
        return reverse("job", args=[self.pk])

    def is_silent(self, at: datetime) -> bool:
        """Whether its runner has given no sign of life for so long that it will be sent again."""
        silent = self.heartbeat_at is not None and self.heartbeat_at < at - self.SILENT_AFTER
        return self.state == self.State.RUNNING and silent

    def may_be_cancelled_by(self, user) -> bool:
        """Who started it and superusers may, and who may start jobs may call off those of colleagues that they see."""
        if self.state in self.ENDED or self.cancel_asked_at is not None or not user.is_active:
            return False
        if user.is_superuser or (self.created_by_id is not None and self.created_by_id == user.pk):
            return True
        return self.created_by_id is not None and user.has_perm("stations.add_job")

    @property
    def percent(self) -> int | None:
        """How much is done, 0-100; None while the total is not known."""
        return min(100, 100 * self.done // self.total) if self.total else None
