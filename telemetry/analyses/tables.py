"""An answer's table as a file: CSV and XLSX in which nothing that a charger or partner wrote can act as a formula."""

import csv
import io
import math
import unicodedata

import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils.exceptions import IllegalCharacterError

_RISKY = ("=", "+", "-", "@", "\t", "\r", "|", "%")


def as_csv(table: pd.DataFrame) -> bytes:
    """UTF-8 with a byte order mark, because spreadsheets take it for something else without."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([safe(name) for name in table.columns])
    writer.writerows([safe(value) for value in row] for row in table.itertuples(index=False))
    return text.getvalue().encode("utf-8-sig")


def as_xlsx(table: pd.DataFrame, title: str, told: list[str]) -> bytes:
    """One sheet of the table, and one that says what it is."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31] or "table")
    sheet.freeze_panes = "A2"
    heads = [_cell(sheet, str(name)) for name in table.columns]
    for head in heads:
        head.font = Font(bold=True)
    sheet.append(heads)
    for row in table.itertuples(index=False):
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
    if isinstance(value, str) and unicodedata.normalize("NFKC", value).lstrip().startswith(_RISKY):
        return f"'{value}"
    return value


def _cell(sheet, value) -> WriteOnlyCell:
    """A cell whose words are words: the type is set by hand, so that none becomes a formula."""
    value = safe(value)
    if not isinstance(value, str):
        return WriteOnlyCell(sheet, value)
    try:
        cell = WriteOnlyCell(sheet, value)
    except IllegalCharacterError:
        cell = WriteOnlyCell(sheet, "".join(letter for letter in value if letter.isprintable()))
    cell.data_type = "s"
    return cell
