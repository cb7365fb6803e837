from django.conf import settings
from django.db import models

from stations.access import ScopedQuerySet


class OrderCommentQuerySet(ScopedQuerySet):
    operator_path = "order__site__operator"


class OrderComment(models.Model):
    """What a partner, or a colleague through the API, says about a work order, or asks of whoever does it."""

    class Kind(models.TextChoices):
        COMMENT = "comment", "Comment"
        REQUEST = "request", "Request"

    order = models.ForeignKey("maintenance.WorkOrder", models.CASCADE, related_name="comments")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.COMMENT)
    text = models.CharField(max_length=1000)
    at = models.DateTimeField()
    partner = models.ForeignKey(
        "stations.Partner", models.SET_NULL, null=True, blank=True, related_name="+", help_text="Empty: a colleague."
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = OrderCommentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.text[:60]}"
