"""Rows as a file: CSV and XLSX in which nothing that a charger, driver or partner wrote can act as a formula.

openpyxl is loaded with the first XLSX file, or by web at its start, because it costs a tenth of a second and 12 MB.
"""

import csv
import io
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": XLSX, "zip": "application/zip"}
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what no sheet can hold
_FORMULA = ("=", "+", "-", "@", "|", "%")
_SKIPPED = ("\t", "\r", "\n")  # some spreadsheets read on behind these as if they were not there


def csv_file(head: Sequence, rows: Iterable[Sequence]) -> bytes:
    """UTF-8 with a byte order mark, because spreadsheets take it for something else without; times in ISO 8601."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([safe(name) for name in head])
    writer.writerows([safe(_plain(value)) for value in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def xlsx_file(head: Sequence, rows: Iterable[Sequence], title: str, told: Iterable[str]) -> bytes:
    """One sheet of the rows, its header frozen and its times in UTC, and one sheet that says what it is."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    sheet = book.create_sheet("".join(letter for letter in title if letter not in "[]:*?/\\")[:31] or "table")
    sheet.freeze_panes = "A2"
    heads = [_cell(sheet, str(name)) for name in head]
    for each in heads:
        each.font = Font(bold=True)
    sheet.append(heads)
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])
    about = book.create_sheet("about")
    about.column_dimensions["A"].width = 110
    for line in told:
        about.append([_cell(about, line)])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def safe(value):
    """A value for a spreadsheet: words that begin like a formula, in full width too, get an apostrophe."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        folded = unicodedata.normalize("NFKC", value)
        if folded.startswith(_SKIPPED) or folded.lstrip().startswith(_FORMULA):
            return f"'{value}"
    return value


def _plain(value):
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, default=str)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _cell(sheet, value):
    """A cell whose words are words: the type is set by hand, so that none becomes a formula."""
    from openpyxl.cell import WriteOnlyCell

    if isinstance(value, datetime) and value.tzinfo:
        value = value.astimezone(UTC).replace(tzinfo=None)  # because the format knows no time zones
    if isinstance(value, dict | list | tuple):
        value = json.dumps(value, default=str)
    if not isinstance(value, str):
        return WriteOnlyCell(sheet, safe(value))
    cell = WriteOnlyCell(sheet, safe(NOT_XML.sub("", value)))
    cell.data_type = "s"
    return cell
