"""Columns survive the way into PostgreSQL and back."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection

from stations.arrays import array_text, copy_in, fetch_arrays, ten_thousandths

KINDS = [
    ("small", "i2"),
    ("whole", "i4"),
    ("big", "i8"),
    ("single", "f4"),
    ("double", "f8"),
    ("flag", "?"),
    ("at", "M8[us]"),
]


@pytest.mark.django_db
def test_every_type_comes_back_as_it_went_in():
    rows = {
        "small": np.array([-3, 7], "i2"),
        "whole": np.array([1, 2**31 - 1], "i4"),
        "big": np.array([1, -(2**62)], "i8"),
        "single": np.array([0.5, -1e10], "f4"),
        "double": np.array([0.1, 1e300], "f8"),
        "flag": np.array([True, False]),
        "at": np.array(["1999-12-31T23:59:59.999999", "2026-03-01T12:00"], "M8[us]"),
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE every_type (small smallint, whole integer, big bigint, single real, "
            "double double precision, flag boolean, at timestamptz)"
        )
        assert copy_in(cursor, "every_type", rows) == 2
        back = fetch_arrays(cursor, "SELECT * FROM every_type ORDER BY at", KINDS)
    for name in rows:
        assert (back[name] == rows[name]).all(), name


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["SELECT NULL::int", "SELECT 1::bigint", "SELECT 1::real"])
def test_a_null_or_another_type_is_refused(query):
    with connection.cursor() as cursor, pytest.raises(ValueError, match="whole"):
        fetch_arrays(cursor, query, [("whole", "i4")])


@pytest.mark.django_db
def test_money_arrives_to_the_last_ten_thousandth():
    values = np.array([0, 1, 10_000, 7_000, 99_999_999, 123_456])
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE money (amount numeric(8, 4))")
        copy_in(cursor, "money", {"amount": ten_thousandths(values)})
        cursor.execute("SELECT amount FROM money")
        stored = [row[0] for row in cursor.fetchall()]
    assert stored == [Decimal(int(value)).scaleb(-4) for value in values]


@pytest.mark.parametrize("value", [-1, 100_000_000])
def test_a_price_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match="price"):
        ten_thousandths(np.array([value]))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text[]", ["", "a,b", 'say "x"', "back\\slash", "{}", "NULL", "null", " ", "é\n\t", "%s %(a)s", None, "''"]),
        ("bigint[]", [1, -5, 2**62, None]),
        ("float8[]", [0.1, -2.5e-300, 1e300, None, float("inf")]),
        ("boolean[]", [True, False, None, True]),
        ("timestamptz[]", [datetime(2026, 11, 20, 12, 0, 0, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), None]),
        ("timestamptz[]", []),
    ],
)
def test_an_array_comes_back_as_it_was_written(kind, values, db):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}", [array_text(values)])
        assert cursor.fetchone()[0] == values
