"""The questions that staff ask of a list."""

from datetime import timedelta

from django.contrib import admin
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.contrib.filters.forms import AutocompleteDropdownForm

from .models import Operator


class QuestionFilter(admin.SimpleListFilter):
    """Questions with a name each; the rows that answer question `x` come from the method `rows_x`."""

    questions: dict[str, str] = {}

    def lookups(self, request, model_admin):
        return list(self.questions.items())

    def queryset(self, request, queryset):
        return getattr(self, f"rows_{self.value()}")(queryset) if self.value() in self.questions else queryset


def operator_filter(path: str):
    """A filter by operator that offers only those its reader may see."""

    class OperatorFilter(admin.SimpleListFilter):
        title = "operator"
        parameter_name = "operator"

        def lookups(self, request, model_admin):
            return [(str(pk), name) for pk, name in Operator.objects.visible_to(request.user).values_list("pk", "name")]

        def queryset(self, request, queryset):
            value = self.value() or ""
            return queryset.filter(**{path: value}) if value.isdecimal() else queryset

    return OperatorFilter


class PlaceForm(AutocompleteDropdownForm):
    """A search box that names what is chosen only to those who may see it."""

    def __init__(self, request, name, *args, field, model_admin, **kwargs):
        super().__init__(request, name, *args, field=field, model_admin=model_admin, **kwargs)
        related = model_admin.admin_site.get_model_admin(field.remote_field.model)
        self.fields[name].queryset = related.get_queryset(request)


class PlaceFilter(AutocompleteSelectFilter):
    """A filter by a site or charger, found in a search box."""

    form_class = PlaceForm


def choice_filter(path: str, label: str):
    """A filter by a field with choices that is reached through a relation ("state__level")."""

    class ChoiceFilter(admin.SimpleListFilter):
        title = label
        parameter_name = path.replace("__", "_")

        def lookups(self, request, model_admin):
            return [(str(value), word) for value, word in field_at(model_admin.model, path).flatchoices]

        def queryset(self, request, queryset):
            known = {str(value): value for value, _ in field_at(queryset.model, path).flatchoices}
            return queryset.filter(**{path: known[self.value()]}) if self.value() in known else queryset

    return ChoiceFilter


def field_at(model, path: str):
    """The field at the end of `path`."""
    *way, name = path.split("__")
    for step in way:
        model = model._meta.get_field(step).related_model
    return model._meta.get_field(name)


class SilentFilter(QuestionFilter):
    """Nothing heard for more than 15 minutes."""

    title = "silence"
    parameter_name = "silent"
    questions = {"yes": "silent for > 15 min", "never": "never heard of"}
    heard_at = "state__at"

    def rows_yes(self, queryset):
        return queryset.filter(**{f"{self.heard_at}__lt": timezone.now() - timedelta(minutes=15)})

    def rows_never(self, queryset):
        return queryset.filter(**{f"{self.heard_at}__isnull": True})


def open_filter(path: str, open_label: str, over_label: str):
    """A filter by whether the spell that ends at `path` still goes on."""

    class OpenFilter(QuestionFilter):
        title = "open"
        parameter_name = "open"
        questions = {"yes": open_label, "no": over_label}

        def rows_yes(self, queryset):
            return queryset.filter(**{f"{path}__isnull": True})

        def rows_no(self, queryset):
            return queryset.filter(**{f"{path}__isnull": False})

    return OpenFilter
