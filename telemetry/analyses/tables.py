"""An answer's table as a file."""

import pandas as pd

from stations.spreadsheets import csv_file, xlsx_file


def as_csv(table: pd.DataFrame) -> bytes:
    """The table as CSV."""
    return csv_file(table.columns, table.itertuples(index=False))


def as_xlsx(table: pd.DataFrame, title: str, told: list[str]) -> bytes:
    """One sheet of the table, and one that says what it is."""
    return xlsx_file(table.columns, table.itertuples(index=False), title, told)
