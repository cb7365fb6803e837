"""The one class between the admin's theme and every page of ours: scope, paging of big tables, read-only history."""

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, TabularInline

from . import export_rows, saved_views
from .access import visible_rows
from .admin_display import moment
from .change_history import WHY, Entry, changed_values, entry, with_why
from .keyset import KeysetChangeList, estimated_rows
from .map_tiles import map_tiles
from .row_import import Row
from .row_import_page import import_rows_page

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
    list_per_page = 50
    list_max_show_all = 0
    compressed_fields = True
    empty_value_display = "–"
    list_fullwidth = True
    actions_on_top = True
    list_before_template = "admin/ends_early.html"

    import_fields: tuple[str, ...] = ()  # columns of a file of rows; none: such files are not taken
    import_key: tuple[str, ...] = ()  # by which of them a row is found
    import_extra: tuple[str, ...] = ()  # columns that are no fields; `import_check` and `import_row` know them
    why_needed: frozenset[str] = frozenset()  # fields that nobody changes without a reason

    def get_changelist_instance(self, request):
        """The list, which knows its reader, because an empty one says why."""
        listed = super().get_changelist_instance(request)
        listed.viewer = request.user
        return listed

    def get_fieldsets(self, request, obj=None):
        """The form's own, and the reason of the change."""
        fieldsets = super().get_fieldsets(request, obj)
        if not self._asks_why(request, obj) or WHY in flatten_fieldsets(fieldsets):
            return fieldsets
        return [*fieldsets, ("Why", {"fields": [WHY]})]

    def get_form(self, request, obj=None, change=False, **kwargs):
        if kwargs.get("fields"):
            kwargs["fields"] = [name for name in kwargs["fields"] if name != WHY]
        form = super().get_form(request, obj, change=change, **kwargs)
        return with_why(form, self.why_needed) if self._asks_why(request, obj) else form

    def _asks_why(self, request, obj) -> bool:
        return obj is not None and self.has_change_permission(request, obj)

    def get_autocomplete_fields(self, request):
        """Every relation whose rows can be searched for: no page loads thousands of choices."""
        relations = [*self.opts.fields, *self.opts.many_to_many]
        known = self.admin_site._registry
        return [
            field.name
            for field in relations
            if field.is_relation and getattr(known.get(field.related_model), "search_fields", ())
        ]

    def construct_change_message(self, request, form, formsets, add=False):
        """What Django notes, with the values before and after and the reason."""
        told = super().construct_change_message(request, form, formsets, add)
        own = next((part for part in told if "name" not in part.get("changed", part.get("added", {"name": ""}))), None)
        if own is None and form.cleaned_data.get(WHY):
            told.append(own := {"changed": {"fields": []}})
        if own is not None:
            own.update(values=changed_values(form) if not add else {}, reason=form.cleaned_data.get(WHY, ""))
        return told

    def steps_of(self, row) -> list[Entry]:
        """What happened to `row` that has rows of its own, for its history."""
        return []

    def history_view(self, request, object_id, extra_context=None):
        """The row's history: who, when, what it was and is, and why."""
        page = super().history_view(request, object_id, extra_context)
        lines = getattr(page, "context_data", {}).get("action_list")
        if lines is None:
            return page
        entries = [entry(line) for line in lines]
        if lines.number == 1:
            entries += self.steps_of(page.context_data["object"])
        now = timezone.now()
        entries.sort(key=lambda one: one.at, reverse=True)
        page.context_data["entries"] = [{**one._asdict(), "when": moment(one.at, now)} for one in entries]
        return page

    def get_urls(self):
        """The pages that each list has beside it: its saved views and its file."""
        name = f"{self.opts.app_label}_{self.opts.model_name}"

        def page(work, permission):
            def view(request, **values):
                if not permission(request):
                    raise PermissionDenied(f"Your role may not do this with {self.opts.verbose_name_plural}.")
                return work(self, request, **values)

            return self.admin_site.admin_view(view)

        see = self.has_view_permission
        return [
            path("views/", page(saved_views.save_view, see), name=f"{name}_save_view"),
            path("views/<int:pk>/", page(saved_views.change_view, see), name=f"{name}_change_view"),
            path("export/", page(export_rows.export_page, see), name=f"{name}_export"),
            *([path("import/", page(import_rows_page, see), name=f"{name}_import")] if self.import_fields else []),
            *super().get_urls(),
        ]

    def import_check(self, row: Row, extra: dict[str, str]) -> dict[str, list[str]]:
        """What the columns of `import_extra` would change, in words; ValidationError by column where they may not."""
        return {}

    def import_row(self, row: Row, by, reason: str) -> None:
        """Write one row of an import; what else adding one by hand does belongs here too."""
        row.instance.save(update_fields=None if row.is_new else set(row.values) - set(self.import_extra))

    def changelist_view(self, request, extra_context=None):
        """The list, opened with its reader's default view where nothing else is asked."""
        if not self.has_view_permission(request) or saved_views.POPUP in request.GET:
            return super().changelist_view(request, extra_context)
        views = saved_views.views_of(self, request.user)
        if not request.GET and request.method == "GET" and (query := saved_views.opening(request.user, views)):
            return redirect(f"{request.path}?{query}")
        if "view" in request.GET:
            request.GET = request.GET.copy()
            del request.GET["view"]
        may_import = self.import_fields and (self.has_add_permission(request) or self.has_change_permission(request))
        context = {**saved_views.tabs(self, request, views), "may_import_rows": may_import, **(extra_context or {})}
        return super().changelist_view(request, context)


class PlaceAdmin(BaseAdmin):
    """Rows with a latitude and a longitude: the form has a map beside the two fields."""

    change_form_after_template = "admin/map_picker.html"

    class Media:
        css = {"all": ["vendor/leaflet/1.9.4/leaflet.css"]}
        js = [
            "vendor/leaflet/1.9.4/leaflet.js",
            "vendor/topojson-client/3.1.0/topojson-client.min.js",
            "js/base-map.js",
            "admin_pages/map_picker.js",
        ]

    def render_change_form(self, request, context, *args, **kwargs):
        context["map_tiles"] = map_tiles()
        return super().render_change_form(request, context, *args, **kwargs)


class HistoryAdmin(BaseAdmin):
    """Rows that are added by the loop or an import and never changed by hand; newest first, by primary key."""

    ordering = ("-pk",)
    sortable_by = ()
    actions = None
    show_facets = admin.ShowFacets.NEVER  # because each would count a long table

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class BigTableAdmin(HistoryAdmin):
    """Millions of rows: pages of the whole table as it was written, or of one place, which an index has in time."""

    list_per_page = 100
    list_filter_submit = True
    list_before_template = "admin/newest_rows.html"
    place_filter: tuple = ()  # the relation to the place, and its filter
    more_filters: tuple = ()  # offered once a place is chosen
    wide_filters: tuple = ()  # offered always
    time = "reported_at"  # unique for each place, and in an index with it; "pk" where it is the key there too

    def place_of(self, request) -> dict[str, str]:
        """The lookup that says of which charger or site the list is; none: of all."""
        if not self.place_filter:
            return {}
        name = f"{self.place_filter[0]}__id__exact"
        value = request.GET.get(name, "")
        return {name: value} if value.isdecimal() and len(value) < 19 else {}

    def get_list_filter(self, request):
        place = (self.place_filter,) if self.place_filter else ()
        return (*place, *self.wide_filters, *(self.more_filters if self.place_of(request) else ()))

    def get_changelist(self, request, **kwargs):
        return KeysetChangeList


class BaseInline(Scope, TabularInline):
    """A short list of related rows on a page, in its own tab."""

    tab = True
    extra = 0
    per_page = 20
    show_change_link = True


class ReadOnlyInline(BaseInline):
    """Related rows that are only looked at; what comes first in each leads to its own page."""

    template = "admin/related_rows.html"
    can_delete = False

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False
