"""Who changed what, from what to what, and why: kept in the admin's own log, for forms and imports alike."""

import json
from datetime import datetime
from typing import NamedTuple

from django import forms
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from unfold.widgets import UnfoldAdminTextInputWidget

WHY = "change_reason"
LONGEST = 200  # letters of a value that are kept


class WhyField(forms.CharField):
    """The reason of a change; to write one is no change by itself."""

    def has_changed(self, initial, data) -> bool:
        """Never, because it is no field of the row."""
        return False


def with_why(form: type[forms.ModelForm], needed_for: frozenset[str]) -> type[forms.ModelForm]:
    """The form with a field for the reason, which must be filled in when one of `needed_for` changes."""

    def clean(self):
        values = super(asking, self).clean()
        changed = sorted(needed_for & set(self.changed_data))
        if changed and not (values or self.cleaned_data).get(WHY):
            words = " and ".join(str(self.fields[name].label).lower() for name in changed)
            self.add_error(WHY, f"Say why, because {words} changed.")
        return values

    help_text = "Kept in the history of this row."
    field = WhyField(
        label="Why", required=False, max_length=300, help_text=help_text, widget=UnfoldAdminTextInputWidget
    )
    asking = type(form)(form.__name__, (form,), {WHY: field, "clean": clean, "__module__": form.__module__})
    return asking


def changed_values(form: forms.ModelForm) -> dict[str, list[str]]:
    """Of each field that the form changed: what it was and what it is, in words; of passwords nothing."""
    return {
        name: [_in_words(form.fields[name], values.get(name)) for values in (form.initial, form.cleaned_data)]
        for name in form.changed_data
        if name in form.fields and not isinstance(form.fields[name].widget, forms.PasswordInput)
    }


def _in_words(field, value) -> str:
    if value in (None, "", []):
        return ""
    if isinstance(field, forms.ModelMultipleChoiceField):
        return ", ".join(sorted(map(str, field.queryset.filter(pk__in=[getattr(v, "pk", v) for v in value]))))[:LONGEST]
    if isinstance(field, forms.ModelChoiceField) and not isinstance(value, Model):
        value = field.queryset.filter(pk=value).first() or value
    elif isinstance(field, forms.ChoiceField):
        value = dict(field.choices).get(value, value)
    return str(value)[:LONGEST]


def note_rows(by, rows: list[tuple[Model, bool, dict]], reason: str) -> None:
    """Keep in one statement that `by` added or changed rows: (row, whether it is new, {field: [old, new]})."""
    if not rows:
        return
    content_type = ContentType.objects.get_for_model(rows[0][0])
    LogEntry.objects.bulk_create(
        LogEntry(
            user=by,
            content_type=content_type,
            object_id=str(row.pk),
            object_repr=str(row)[:200],
            action_flag=ADDITION if is_new else CHANGE,
            change_message=json.dumps([message(is_new, values, reason)]),
        )
        for row, is_new, values in rows
    )


def message(is_new: bool, values: dict, reason: str) -> dict:
    """One entry of the log in the shape that Django writes, with the values and the reason besides."""
    what = {"added": {}} if is_new else {"changed": {"fields": list(values)}}
    return {**what, "values": values, "reason": reason}


class Entry(NamedTuple):
    """One line of a row's history."""

    at: datetime
    who: str
    what: str
    values: dict[str, list[str]]
    reason: str


def entry(line: LogEntry) -> Entry:
    """A line of the log, read."""
    try:
        parts = json.loads(line.change_message or "[]")
    except ValueError:
        parts = []
    parts = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    values = {name: pair for part in parts for name, pair in part.get("values", {}).items()}
    reason = next((part["reason"] for part in parts if part.get("reason")), "")
    return Entry(line.action_time, line.user.get_username(), line.get_change_message(), values, reason)
