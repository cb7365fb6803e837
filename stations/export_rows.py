"""A list as a file: as filtered, its columns or all fields; at once, or by a worker where there are many rows."""

import re
from html import unescape

from django.contrib import messages
from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.files.base import ContentFile
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from .admin_display import EMPTY, lookup
from .jobs import enqueue
from .models import AuditEntry
from .saved_views import list_of, list_url
from .spreadsheets import CONTENT_TYPES, csv_file, xlsx_file

TAGS = re.compile(r"<[^>]*>")
AT_ONCE = 5_000  # rows that are worth waiting for
MOST = 1_000_000  # rows of one file, because a sheet holds no more
SECRET = re.compile("^sealed_|_hash$|^(password|secret|token)$")  # names of fields that open something


def is_secret(field) -> bool:
    """Whether a field is of what opens doors, also where it is hashed or sealed: it leaves in no file."""
    return bool(SECRET.search(field.name)) or (field.name == "key" and field.model._meta.app_label.startswith("otp_"))


def natural_field(model):
    """The field by which people know a row of `model` ("EV00001"): its first unique one; None where it has none."""
    return next((field for field in model._meta.concrete_fields if field.unique and not field.primary_key), None)


def export_page(admin, request):
    """Send the file, or queue it and go to its job's page."""
    kind, columns = request.GET.get("format"), request.GET.get("columns", "shown")
    if kind not in ("csv", "xlsx") or columns not in ("shown", "all"):
        raise Http404("Ask for format=csv or xlsx, and columns=shown or all.")
    query = request.GET.copy()
    for name in ("format", "columns"):
        query.pop(name, None)
    try:
        rows = rows_of(admin, request.user, query.urlencode())
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect(list_url(admin))
    if rows[: AT_ONCE + 1].count() > AT_ONCE:
        wanted = {"list": admin.opts.label_lower, "query": query.urlencode(), "format": kind, "columns": columns}
        job = enqueue("export_rows", wanted, created_by=request.user)
        return redirect(job)
    AuditEntry.objects.note("exported", by=request.user, name=admin.opts.label_lower, query=query.urlencode()[:500])
    response = HttpResponse(file_of(admin, rows, kind, columns, query.urlencode()), content_type=CONTENT_TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="{file_name(admin, kind)}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


def rows_of(admin, user, query: str):
    """All rows of the list that `query` asks, which `user` may see, in the list's order."""
    found = list_of(admin, user, query)
    return found.everything_asked() if hasattr(found, "everything_asked") else found.queryset


def file_name(admin, kind: str) -> str:
    """Such as work-orders-2026-11-21.csv."""
    return f"{admin.opts.verbose_name_plural.replace(' ', '-')}-{timezone.now():%Y-%m-%d}.{kind}"


def export_by_job(admin, job, progress) -> dict:
    """The work of a job: write the file that its person may download."""
    wanted = job.parameters
    rows = rows_of(admin, job.created_by, wanted["query"])[:MOST]
    progress(0, None, "reading")
    content = file_of(admin, _told(rows, progress), wanted["format"], wanted["columns"], wanted["query"])
    job.result_file.save(file_name(admin, wanted["format"]), ContentFile(content), save=False)
    type(job).objects.filter(pk=job.pk).update(result_file=job.result_file.name)
    return {"rows": job.done, "columns": wanted["columns"], "bytes": len(content)}


def _told(rows, progress):
    number = 0
    for number, row in enumerate(rows.iterator(2000), start=1):
        if number % 2000 == 0:
            progress(number, None, "writing")
        yield row
    progress(number, number, "writing")


def file_of(admin, rows, kind: str, columns: str, query: str = "") -> bytes:
    """The rows as CSV or XLSX: the list's columns ("shown") or all fields, and where they point as people say it."""
    heads, readers = zip(*(_shown(admin) if columns == "shown" else _all_fields(admin)), strict=True)
    if columns == "all" and hasattr(rows, "select_related"):
        rows = rows.select_related(*(field.name for field in admin.opts.concrete_fields if field.is_relation))
    lines = ([reader(row) for reader in readers] for row in rows)
    if kind == "csv":
        return csv_file(heads, lines)
    title = str(admin.opts.verbose_name_plural).capitalize()
    told = [title, f"Written {timezone.now():%Y-%m-%d %H:%M} UTC; all times are UTC.", f"Asked for: {query or 'all'}"]
    return xlsx_file(heads, lines, title, told)


def _shown(admin) -> list[tuple]:
    return [
        (label_for_field(name, admin.model, admin), _reader(admin, name))
        for name in admin.list_display
        if not getattr(getattr(admin, name, None), "not_exported", False)
    ]


def _reader(admin, name: str):
    """How the column `name` is read: the plain value behind it where it says so, else its text without marks."""
    path = getattr(getattr(admin, name, None), "plain", None)
    if path is not None:
        return path if callable(path) else lambda row: lookup(row, path)
    try:
        field = admin.opts.get_field(name)
    except FieldDoesNotExist:
        field = None

    def read(row):
        if field is not None:
            return _field_value(field, row)
        value = lookup_field(name, row, admin)[2]
        text = " ".join(unescape(TAGS.sub(" ", value)).split()) if isinstance(value, str) else value
        return None if text == EMPTY else text if isinstance(text, str | int | float | None) else str(text)

    return read


def _all_fields(admin) -> list[tuple]:
    fields = [field for field in admin.opts.concrete_fields if not is_secret(field)]
    return [(field.name, lambda row, field=field: _field_value(field, row, raw=True)) for field in fields]


def _field_value(field, row, raw: bool = False):
    if field.is_relation:
        related = getattr(row, field.name)
        known_by = natural_field(field.related_model)
        return related and (getattr(related, known_by.name) if known_by and raw else str(related))
    if field.choices and not raw:
        return getattr(row, f"get_{field.name}_display")()
    value = getattr(row, field.attname)
    return str(value) if field.get_internal_type() in ("FileField", "BinaryField", "UUIDField") else value
