"""Actions on many rows: what will happen is said first; then it is done at once, or by a job where there are many."""

from functools import wraps

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextInputWidget

from .jobs import JobRefused, enqueue

AT_ONCE = 500  # rows; more are done by a worker
NAMED = 5
MOST = 50_000  # rows of one job
CONFIRMED = "_confirmed"


class Reason(forms.Form):
    """Why something is done to many rows: kept with each of them."""

    reason = forms.CharField(
        label="Why", max_length=200, required=False, widget=UnfoldAdminTextInputWidget,
        help_text="Kept in the history of each.",
    )  # fmt: skip


def bulk_action(description: str, says: str, *, form: type[forms.Form] | None = None, whole: bool = False):
    """Make `work(self, request, rows, **values of form)` an action of the list that asks before it does anything.

    `says` is one sentence of what will happen. `work` says what became of the rows with `message_user`. `whole`: it
    concerns all rows together, so that it is refused rather than done in parts where there are many.
    """

    def make(work):
        @wraps(work)
        def action(self, request, queryset):
            filled = form(request.POST if CONFIRMED in request.POST else None) if form else None
            if CONFIRMED not in request.POST or (filled and not filled.is_valid()):
                return _ask(self, request, queryset, action, filled)
            values = filled.cleaned_data if filled else {}
            ids = list(queryset.order_by().values_list("pk", flat=True)[: AT_ONCE + 1])
            if len(ids) <= AT_ONCE:
                return work(self, request, queryset, **values)
            if whole:
                return messages.error(request, f"At most {AT_ONCE} rows can go together. Nothing was done.")
            return _queue(self, request, queryset, values)

        action.work, action.form, action.says = work, form, says
        return admin.action(description=description, permissions=["change"])(action)

    return make


def _ask(pages, request, queryset, action, form):
    number = queryset.count()
    return TemplateResponse(
        request,
        "admin/confirm_action.html",
        {
            **pages.admin_site.each_context(request),
            "title": f"{action.short_description}: {number:,} {_name(pages, number)}",
            "opts": pages.opts,
            "asked": action.short_description,
            "says": action.says,
            "number": number,
            "named": list(queryset[:NAMED]),
            "more": max(0, number - NAMED),
            "by_job": number > AT_ONCE,
            "form": form or forms.Form(),
            "ids": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "across": request.POST.get("select_across", "0"),
            "name": request.POST["action"],
            "back": request.get_full_path(),
            "media": pages.media,
        },
    )


def _name(pages, number: int) -> str:
    return str(pages.opts.verbose_name if number == 1 else pages.opts.verbose_name_plural)


def _queue(pages, request, queryset, values: dict):
    ids = list(queryset.order_by().values_list("pk", flat=True)[: MOST + 1])
    if len(ids) > MOST:
        messages.error(request, f"At most {MOST:,} rows are done at once; filter the list first. Nothing was done.")
        return None
    plain = {name: getattr(value, "pk", value) for name, value in values.items()}
    wanted = {"list": pages.opts.label_lower, "action": request.POST["action"], "values": plain, "rows": ids}
    return redirect(enqueue("bulk_action", wanted, created_by=request.user))


class Told:
    """Keeps what an action says where no browser waits for it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, level: int, message, extra_tags: str = "") -> None:
        """Keep one sentence."""
        self.lines.append(str(message))


def act_by_job(pages, job, progress) -> dict:
    """The work of a job: do to its rows what was asked for, some at a time, if its person still may."""
    wanted, request = job.parameters, HttpRequest()
    request.user, request._messages = job.created_by, Told()
    action = getattr(type(pages), wanted["action"], None)
    if job.created_by is None or not hasattr(action, "work"):
        raise JobRefused("Whoever asked for this is gone, or the list has no such action any more.")
    if not pages.has_change_permission(request):
        raise PermissionDenied(f"{job.created_by} may not do this any more.")
    values = _read(action.form, wanted["values"])
    visible = pages.get_queryset(request)
    for start in range(0, len(wanted["rows"]), AT_ONCE):
        progress(start, len(wanted["rows"]), action.short_description)
        action.work(pages, request, visible.filter(pk__in=wanted["rows"][start : start + AT_ONCE]), **values)
    progress(len(wanted["rows"]), len(wanted["rows"]), "done")
    return {"rows": len(wanted["rows"]), "said": request._messages.lines[:100]}


def _read(form, values: dict) -> dict:
    if form is None:
        return {}
    filled = form(values)
    if not filled.is_valid():
        raise JobRefused(" ".join(error for errors in filled.errors.values() for error in errors))
    return filled.cleaned_data
