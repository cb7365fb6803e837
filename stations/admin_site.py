"""The one class between the admin's theme and every page of ours: scope, paging of big tables, read-only history."""

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import connections
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, TabularInline

from .access import visible_rows

EXACT_UP_TO = 10_000


class EstimatedPaginator(Paginator):
    """Counts up to 10,000 rows; beyond that the list ends there, because paging deeper costs seconds on millions."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list.order_by()
        if not rows.query.where and estimated_rows(rows.model, rows.db) > EXACT_UP_TO:
            return EXACT_UP_TO
        return rows[:EXACT_UP_TO].count()

    @property
    def ends_early(self) -> bool:
        """Whether there are, or may be, more rows than can be paged to."""
        return self.count == EXACT_UP_TO


def estimated_rows(model, using: str = "default") -> int:
    """How many rows PostgreSQL believes the table has; -1 before its first ANALYZE."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [model._meta.db_table])
        return cursor.fetchone()[0]


def scoped(queryset, user, operator_path: str | None = None, fleet_wide: bool = False):
    """What `user` may see of `queryset`; a model that does not say whose its rows are is shown to superusers only."""
    if hasattr(queryset, "visible_to"):
        return queryset.visible_to(user)
    if operator_path:
        return visible_rows(queryset, user, operator_path)
    return queryset if fleet_wide or user.is_superuser else queryset.none()


class Scope:
    """Rows and choices of a page are only those that its reader may see."""

    operator_path: str | None = None  # for models whose queryset has no `visible_to`
    fleet_wide = False  # the rows belong to no operator, and all who have the permission may see them

    def get_queryset(self, request):
        return scoped(super().get_queryset(request), request.user, self.operator_path, self.fleet_wide)

    def get_field_queryset(self, db, db_field, request):
        """What a select box offers, and therefore what a form accepts."""
        related = self.admin_site._registry.get(db_field.remote_field.model)
        return related.get_queryset(request) if related else super().get_field_queryset(db, db_field, request)


class BaseAdmin(Scope, ModelAdmin):
    """Every model's pages in the admin."""

    paginator = EstimatedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    compressed_fields = True
    empty_value_display = "–"
    list_fullwidth = True
    actions_on_top = True
    list_before_template = "admin/ends_early.html"


class HistoryAdmin(BaseAdmin):
    """Rows that are added by the loop or an import and never changed by hand; newest first, by primary key."""

    ordering = ("-pk",)
    sortable_by = ()
    actions = None

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class BaseInline(Scope, TabularInline):
    """A short list of related rows on a page, in its own tab."""

    tab = True
    extra = 0
    per_page = 20
    show_change_link = True


class ReadOnlyInline(BaseInline):
    """Related rows that are only looked at."""

    can_delete = False

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False
