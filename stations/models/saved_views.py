from urllib.parse import parse_qsl, urlencode

from django.conf import settings
from django.db import models
from django.db.models import Q

# Where a reader is in a list, not what the list is of; and what the admin's own pop-ups add.
PASSING = {"p", "e", "all", "view", "before", "after", "day", "_popup", "_to_field", "_changelist_filters"}


def plain_query(query: str) -> str:
    """What a querystring asks of a list, in an order of its own, so that two that ask the same are the same."""
    pairs = parse_qsl(query, max_num_fields=100)
    return urlencode(sorted((name, value) for name, value in pairs if name not in PASSING))


class SavedViewQuerySet(models.QuerySet):
    def visible_to(self, user):
        """A person's own, and the shared ones of those who work for an operator of the person's, or are superusers."""
        if not user.is_active:
            return self.none()
        shared = Q(shared=True)
        if not user.is_superuser:
            colleagues = Q(user__memberships__operator__in=user.memberships.values("operator"))
            shared &= Q(pk__in=self.model.objects.filter(colleagues).values("pk")) | Q(user__is_superuser=True)
        return self.filter(Q(user=user) | shared)


class SavedView(models.Model):
    """A list of the admin as a person wants to see it again: its filters, search and order, under a name."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    changelist = models.CharField(max_length=100, help_text="Of which model, such as stations.site.")
    querystring = models.CharField(max_length=1000, blank=True)
    name = models.CharField(max_length=60)
    shared = models.BooleanField(default=False, help_text="Everybody who works for an operator of yours sees it.")
    default = models.BooleanField(default=False, help_text="The list opens with it, for you.")

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "changelist", "name"],
                name="saved_view_name_once_per_person_and_list",
                violation_error_message="You have a view with this name already; choose another name.",
            ),
            models.UniqueConstraint(
                fields=["user", "changelist"],
                condition=Q(default=True),
                name="saved_view_one_default_per_person_and_list",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args, **fields) -> None:
        """Keep it; as the default it takes the place of the one before."""
        self.querystring = plain_query(self.querystring)
        if self.default:
            others = SavedView.objects.filter(user=self.user, changelist=self.changelist, default=True)
            others.exclude(pk=self.pk).update(default=False)
        super().save(*args, **fields)
