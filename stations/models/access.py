from django.conf import settings
from django.db import models


class Membership(models.Model):
    """A person works for an operator, and may therefore see its sites."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    operator = models.ForeignKey("stations.Operator", models.CASCADE, related_name="memberships")

    class Meta:
        ordering = ["user", "operator"]
        constraints = [models.UniqueConstraint(fields=["user", "operator"], name="membership_once_per_operator")]

    def __str__(self) -> str:
        return f"{self.user} at {self.operator}"
