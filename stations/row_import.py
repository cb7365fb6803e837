"""Rows of a list from a file: first what would change, cell by cell; then all of it, or nothing."""

import csv
import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from .change_history import note_rows
from .export_rows import natural_field
from .spreadsheets import safe

MOST_ROWS = 5_000
MOST_BYTES = 5 * 1024 * 1024
ROWS = re.compile(r"xl/(worksheets/[^/]+|sharedStrings)\.xml")  # parts of an XLSX file, which is an archive
MOST_OF_ROWS, MOST_BESIDES = 50 * 1024 * 1024, 1024 * 1024  # of these and of the others: a MB of styles costs seconds
TRUE, FALSE = ("yes", "true", "1", "y"), ("no", "false", "0", "n", "")


class Unreadable(Exception):
    """The file as a whole cannot be taken; the message says why and what to do."""


@dataclass
class Row:
    """What one line of the file would do: add a row, change one, or nothing."""

    line: int
    known_by: str
    instance: models.Model
    is_new: bool
    values: dict[str, list[str]] = field(default_factory=dict)  # column -> [now, then], in words


@dataclass
class DryRun:
    """What the whole file would do, and what is wrong with it."""

    rows: list[Row] = field(default_factory=list)
    errors: list[tuple[int, str, str]] = field(default_factory=list)  # line, column, what is wrong

    @property
    def changing(self) -> list[Row]:
        """The rows that would be added or changed."""
        return [row for row in self.rows if row.is_new or row.values]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows would be added, changed, or are as they are."""
        added = sum(row.is_new for row in self.rows)
        changed = len(self.changing) - added
        return {"added": added, "changed": changed, "unchanged": len(self.rows) - len(self.changing)}

    @property
    def digest(self) -> str:
        """A mark of these very changes, so that what is confirmed is what was shown."""
        told = [[row.known_by, row.is_new, row.values] for row in self.changing]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def read_cells(content: bytes, name: str) -> list[dict[str, str]]:
    """The cells of a CSV or XLSX file below its header, by column; Unreadable where it is neither."""
    if len(content) > MOST_BYTES:
        raise Unreadable("The file is larger than 5 MB; split it.")
    lines = _xlsx(content) if name.lower().endswith(".xlsx") else _csv(content)
    if not lines:
        raise Unreadable("The file is empty; its first line names the columns.")
    head = [cell.strip() for cell in lines[0]]
    while head and not head[-1]:
        head.pop()  # a sheet is as wide as its widest row ever was
    if len(set(head)) < len(head) or "" in head:
        raise Unreadable("Each column needs a name of its own in the first line.")
    if len(lines) - 1 > MOST_ROWS:
        raise Unreadable(f"The file has {len(lines) - 1:,} rows; at most {MOST_ROWS:,} are taken at once. Split it.")
    return [dict(zip(head, [*line, *[""] * len(head)], strict=False)) for line in lines[1:]]


def _csv(content: bytes) -> list[list[str]]:
    try:
        text = content.decode("utf-8-sig")
        if "\0" in text:
            raise Unreadable("This is not a text file; save it as CSV in UTF-8, or as XLSX.")
        first = text.split("\n", 1)[0]
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
        return [[_bare(cell) for cell in line] for line in lines if any(line)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unreadable("This is not CSV in UTF-8; save it as that, or as XLSX.") from error


def _xlsx(content: bytes) -> list[list[str]]:
    from openpyxl import load_workbook  # not before it is used (stations/spreadsheets.py)

    try:
        sheet = load_workbook(_unpacked(content), read_only=True, data_only=True).worksheets[0]
        lines = sheet.iter_rows(values_only=True, max_row=MOST_ROWS + 2, max_col=100)
        return [["" if cell is None else _bare(str(cell)) for cell in line] for line in lines if any(line)]
    except Unreadable:
        raise
    except Exception as error:  # because a broken archive can fail in as many ways as it has parts
        raise Unreadable("This is not an XLSX file that can be read; save it anew, or as CSV.") from error


def _unpacked(content: bytes) -> io.BytesIO:
    """The archive anew with what it takes to read its cells, as large as it says: a small file may be a big one inside.

    What the parts say of their size is not believed, because openpyxl unpacks some of them whole before that counts.
    """
    plain, room = io.BytesIO(), {True: MOST_OF_ROWS, False: MOST_BESIDES}
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(plain, "w") as copy:
        parts = {part.filename: part for part in archive.infolist() if part.filename.endswith((".xml", ".rels"))}
        for name, part in parts.items():
            if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Unreadable("This XLSX file is packed in an unusual way; save it anew, or as CSV.")
            is_rows = ROWS.fullmatch(name) is not None
            with archive.open(part) as packed:
                text = packed.read(room[is_rows] + 1)  # which unpacks no more than that
            room[is_rows] -= len(text)
            if room[is_rows] < 0:
                told = "Unpacked, this XLSX file has more than 50 MB of cells, or 1 MB of styles and the like."
                raise Unreadable(f"{told} Split it, or save it as CSV.")
            copy.writestr(name, text)
    return plain


def _bare(cell: str) -> str:
    """A cell without the apostrophe by which our own files keep it from acting as a formula."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and safe(cell[1:]) != cell[1:] else cell


def dry_run(admin, request, cells: list[dict[str, str]]) -> DryRun:
    """What these cells would do to the admin's list; nothing is written."""
    columns = _columns(admin, cells)
    found, related = DryRun(), _related(admin, request, cells, columns)
    existing = _existing(admin, request, cells, related)
    form_of = forms.modelform_factory(admin.model, fields=[name for name in columns if name not in admin.import_extra])
    seen: dict[tuple, int] = {}
    for line, row in enumerate(cells, start=2):
        data, errors = _data(admin, row, columns, related)
        key = tuple(data.get(name) or "" for name in admin.import_key)
        if not any(key):
            errors.append((admin.import_key[0], "is empty; it says which row is meant."))
        elif key in seen:
            errors.append((admin.import_key[0], f"is the same as in line {seen[key]}; name each row once."))
        seen.setdefault(key, line)
        if not errors:
            errors += _check(admin, request, found, line, row, data, existing.get(key), form_of)
        found.errors += [(line, column, problem) for column, problem in errors]
    return found


def _columns(admin, cells) -> list[str]:
    known = [*admin.import_fields, *admin.import_extra]
    given = list(cells[0]) if cells else []
    ignored = {"id", *(f.name for f in admin.model._meta.concrete_fields if f.name not in known)}
    for name in given:
        if name not in known and name not in ignored:
            near = get_close_matches(name, known, 1)
            raise Unreadable(f'There is no column "{name}"' + (f'; did you mean "{near[0]}"?' if near else "."))
    if admin.import_key[0] not in given:
        raise Unreadable(f'The column "{admin.import_key[0]}" is missing; it says which row each line means.')
    return [name for name in given if name in known]


def _related(admin, request, cells, columns) -> dict[str, dict[str, models.Model]]:
    """Of each relation: the rows that the file names, of those that its reader may see."""
    found = {}
    for name in columns:
        field_ = admin.opts.get_field(name) if name not in admin.import_extra else None
        if field_ is None or not field_.is_relation:
            continue
        by = natural_field(field_.related_model).name
        pages = admin.admin_site.get_model_admin(field_.related_model)
        named = {row[name] for row in cells if row[name]}
        found[name] = {getattr(one, by): one for one in pages.get_queryset(request).filter(**{f"{by}__in": named})}
    return found


def _existing(admin, request, cells, related) -> dict[tuple, models.Model]:
    first = admin.import_key[0]
    named = {row[first] for row in cells}
    if first in related:
        named = {one.pk for one in related[first].values()}
    rows = admin.get_queryset(request).filter(**{f"{first}__in": named})
    attributes = [admin.opts.get_field(name).attname for name in admin.import_key]
    return {tuple(_text(getattr(row, attribute)) for attribute in attributes): row for row in rows}


def _text(value) -> str:
    """A value in words, the same for the same value however many noughts it was written with."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "" if value is None else str(value)


def _data(admin, row, columns, related) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The cells as a form takes them: relations by their number, yes and no as a box that is ticked or not."""
    data, errors = {}, []
    for name in columns:
        cell = row[name]
        if name in related and cell:
            one = related[name].get(cell)
            if one is None:
                errors.append((name, f'"{cell[:60]}" is not known, or not yours to see.'))
            cell = str(one.pk) if one else ""
        elif name not in admin.import_extra:
            cell, problem = _cell_of(admin.opts.get_field(name), cell)
            errors += [(name, problem)] if problem else []
        data[name] = cell
    return data, errors


def _cell_of(field_, cell: str) -> tuple[str, str]:
    if isinstance(field_, models.BooleanField):
        if cell.lower() not in (*TRUE, *FALSE):
            return "", f'"{cell[:60]}" is neither yes nor no.'
        return ("on" if cell.lower() in TRUE else ""), ""
    if isinstance(field_, models.JSONField) and cell and not cell.startswith(("[", "{")):
        return json.dumps([part.strip() for part in cell.split(";") if part.strip()]), ""
    if field_.choices and cell:
        by_label = {str(label).lower(): str(value) for value, label in field_.flatchoices}
        return by_label.get(cell.lower(), cell), ""
    return cell, ""


def _check(admin, request, found: DryRun, line, cells, data, instance, form_of) -> list[tuple[str, str]]:
    """Note what the line would do, or return what is wrong with it."""
    is_new = instance is None
    allowed = admin.has_add_permission(request) if is_new else admin.has_change_permission(request, instance)
    if not allowed:
        return [(admin.import_key[0], f"your role may not {'add' if is_new else 'change'} this row.")]
    key = " · ".join(filter(None, (cells.get(name, "") for name in admin.import_key)))
    before = {} if is_new else _words(admin, instance, data)
    form = form_of(data, instance=instance or admin.model())
    if not form.is_valid():
        told = [(column, error) for column, errors in form.errors.items() for error in errors]
        return [("the row" if column == "__all__" else column, error) for column, error in told]
    try:
        form.instance.validate_constraints()  # also those of fields that the file leaves out
    except ValidationError as error:
        return [("the row", told) for told in error.messages]
    row = Row(line, key, form.instance, is_new)
    after = _words(admin, form.instance, data)
    row.values = {name: [before.get(name, ""), after[name]] for name in after if before.get(name, "") != after[name]}
    try:
        row.values |= admin.import_check(row, {name: data.get(name, "") for name in admin.import_extra})
    except ValidationError as error:
        return [(column, problem) for column, errors in error.message_dict.items() for problem in errors]
    found.rows.append(row)
    return []


def _words(admin, instance, data) -> dict[str, str]:
    plain = [name for name in data if name not in admin.import_extra]
    return {name: _text(getattr(instance, name)) for name in plain}


def apply(admin, by, found: DryRun, reason: str) -> dict[str, int]:
    """Write all that the dry run found, with who and why in each row's history, in one transaction."""
    try:
        with transaction.atomic():
            for row in found.changing:
                admin.import_row(row, by, reason)
            note_rows(by, [(row.instance, row.is_new, row.values) for row in found.changing], reason)
    except IntegrityError as error:
        told = getattr(getattr(error.__cause__, "diag", None), "message_detail", None) or "a rule of the database"
        raise Unreadable(f"Two rows of the file do not go together: {told}") from error
    return found.counts
