"""The pages on which staff hand in a file of rows, see what it would change, and confirm that."""

import secrets
from contextlib import suppress

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.http import HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget

from .bulk_actions import AT_ONCE
from .jobs import JobRefused, enqueue
from .redis_rest import AWAY
from .row_import import MOST_BYTES, Unreadable, apply, dry_run, read_cells
from .saved_views import list_url

KEPT_SECONDS = 3600  # that a file waits for its confirmation
SHOWN = 200
NOT_KEPT = "The file could not be kept for your confirmation, because Redis does not answer. Try again in a minute."
NOT_THERE = "Redis, which keeps the file, does not answer. Nothing was changed; choose the file again in a minute."


class FileForm(forms.Form):
    """The file, and why."""

    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget, help_text="CSV in UTF-8 or XLSX, up to 5 MB and 5,000 rows."
    )
    reason = forms.CharField(
        label="Why", max_length=200, widget=UnfoldAdminTextInputWidget, help_text="Kept in the history of each row."
    )

    def clean_file(self):
        file = self.cleaned_data["file"]
        if not file.name.lower().endswith((".csv", ".xlsx")):
            raise forms.ValidationError("Choose a file whose name ends in .csv or .xlsx.")
        if file.size > MOST_BYTES:
            raise forms.ValidationError("The file is larger than 5 MB; split it.")
        return file


def import_rows_page(admin, request):
    """Ask for a file, show what it would do, and do it once that is confirmed."""
    if not (admin.has_add_permission(request) or admin.has_change_permission(request)):
        raise PermissionDenied(f"Your role may not change {admin.opts.verbose_name_plural}.")
    if request.method == "POST" and "token" in request.POST:
        return _confirm(admin, request)
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        held = {"content": file.read(), "name": file.name[-100:], "reason": form.cleaned_data["reason"]}
        return _show(admin, request, held, form)
    return _page(admin, request, {"form": form})


def _show(admin, request, held: dict, form=None):
    """The page of what the file would do."""
    try:
        found = dry_run(admin, request, read_cells(held["content"], held["name"]))
    except Unreadable as error:
        return _page(admin, request, {"form": form or FileForm(), "trouble": str(error)}, status=422)
    context = {"form": form or FileForm(), "found": found, "name": held["name"], "reason": held["reason"]}
    context |= {"shown": found.changing[:SHOWN], "unshown": max(0, len(found.changing) - SHOWN)}
    context |= {"errors": found.errors[:SHOWN], "by_job": len(found.changing) > AT_ONCE}
    if found.changing and not found.errors:
        token = secrets.token_urlsafe(16)
        try:
            cache.set(_key(request.user, admin, token), held | {"digest": found.digest}, KEPT_SECONDS)
        except AWAY:
            return _page(admin, request, {**context, "trouble": NOT_KEPT}, status=503)
        context["token"] = token
    return _page(admin, request, context, status=422 if found.errors else 200)


def _confirm(admin, request):
    key = _key(request.user, admin, request.POST["token"][:64])
    try:
        held = cache.get(key)
    except AWAY:
        return _page(admin, request, {"form": FileForm(), "trouble": NOT_THERE}, status=503)
    if held is None:
        messages.error(request, "This dry run is more than an hour old, or was done already. Choose the file again.")
        return redirect(request.path)
    found = dry_run(admin, request, read_cells(held["content"], held["name"]))
    if found.errors or found.digest != held["digest"]:
        messages.warning(request, "The rows have changed since you looked. This is what the file would do now.")
        return _show(admin, request, held)
    with suppress(*AWAY):  # it ends after an hour by itself, and done twice it would change nothing
        cache.delete(key)
    reason = f"{held['reason']} (import of {held['name']})"
    if len(found.changing) > AT_ONCE:
        wanted = {"list": admin.opts.label_lower, "reason": reason, "file_name": held["name"], "digest": found.digest}
        suffix = ".xlsx" if held["name"].lower().endswith(".xlsx") else ".csv"
        upload = ContentFile(held["content"], secrets.token_hex(16) + suffix)
        job = enqueue("import_rows", wanted, created_by=request.user, upload=upload)
        return redirect(job)
    try:
        counts = apply(admin, request.user, found, reason)
    except Unreadable as error:
        return _page(admin, request, {"form": FileForm(), "trouble": str(error)}, status=422)
    messages.success(request, "Imported: " + ", ".join(f"{number:,} {word}" for word, number in counts.items()) + ".")
    return redirect(f"{list_url(admin)}?view=all")


def import_by_job(admin, job, progress) -> dict:
    """The work of a job: what was confirmed, if it is still what the file would do."""
    request = HttpRequest()
    request.user = job.created_by
    if job.created_by is None:
        raise JobRefused("Whoever handed in the file is gone.")
    progress(0, None, "comparing")
    with job.upload.open("rb") as file:
        found = dry_run(admin, request, read_cells(file.read(), job.parameters["file_name"]))
    if found.errors or found.digest != job.parameters["digest"]:
        raise JobRefused("The rows have changed since the dry run. Nothing was imported; hand in the file again.")
    progress(0, len(found.changing), "writing")
    try:
        return apply(admin, job.created_by, found, job.parameters["reason"])
    except Unreadable as error:
        raise JobRefused(str(error)) from error


def _key(user, admin, token: str) -> str:
    return f"import:{user.pk}:{admin.opts.label_lower}:{token}"


def _page(admin, request, context: dict, status: int = 200):
    context = {
        **admin.admin_site.each_context(request),
        "title": f"Import {admin.opts.verbose_name_plural}",
        "opts": admin.opts,
        "columns": [*admin.import_fields, *admin.import_extra],
        "known_by": admin.import_key,
        "list_url": list_url(admin),
        **context,
    }
    return TemplateResponse(request, "admin/import_rows.html", context, status=status)
