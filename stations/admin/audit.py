"""The record of who did what, to be read, filtered and taken away as a file."""

from django.contrib import admin

from ..admin_display import clipped_column, moment_column
from ..admin_filters import QuestionFilter
from ..admin_site import BigTableAdmin
from ..models import AuditEntry


class DoingFilter(QuestionFilter):
    """What kind of thing was done."""

    title = "what"
    parameter_name = "doing"
    questions = {
        "doors": "log-ins, locks and second factors",
        "admin": "changes in the admin",
        "work": "orders and incidents",
        "prices": "prices and simulation",
        "keys": "calls of partners' keys",
        "files": "jobs and files",
    }
    DOORS = ("logged in", "logged out", "log-in failed", "locked out", "password", "second factor", "recovery code")

    def rows_doors(self, queryset):
        return queryset.filter(action__regex=f"^({'|'.join(self.DOORS)})")

    def rows_admin(self, queryset):
        return queryset.filter(action__in=["added", "changed", "deleted"])

    def rows_work(self, queryset):
        return queryset.filter(action__regex="^(order|incident) ")

    def rows_prices(self, queryset):
        return queryset.filter(action__regex="^(price|proposal|fleet) ")

    def rows_keys(self, queryset):
        return queryset.filter(kind=AuditEntry.Kind.KEY)

    def rows_files(self, queryset):
        return queryset.filter(action__regex="^(job |exported|file fetched)")


@admin.register(AuditEntry)
class AuditEntryAdmin(BigTableAdmin):
    """For superusers: it tells of all operators."""

    list_display = ["when", "actor", "action", "about", "of_what", "why", "address"]
    wide_filters = (DoingFilter, ("kind", admin.ChoicesFieldListFilter))
    search_fields = ["actor__iexact", "name__iexact", "about_id__iexact", "address__iexact"]
    search_help_text = "Who, of what, id or address, as a whole"
    time = "pk"
    when = staticmethod(moment_column("at", "when"))
    of_what = staticmethod(clipped_column("name", "of what"))
    why = staticmethod(clipped_column("reason", "why"))
