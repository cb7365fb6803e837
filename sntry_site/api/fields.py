"""Kinds of values in rows, filters and bodies, each with how it is checked and how it is shown."""

from datetime import UTC, datetime

from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
LARGEST_ID = 2**63 - 1


class Text(serializers.CharField):
    """Text without NUL and lone surrogates; a number or true is no text."""

    def __init__(self, **options):
        super().__init__(**{"max_length": 200, "trim_whitespace": False, **options})

    def to_internal_value(self, data):
        return super().to_internal_value(data) if isinstance(data, str) else self.fail("invalid")


class Id(Text):
    """The ID of a site or charger."""

    def __init__(self, **options):
        super().__init__(**{"max_length": 64, **options})


@extend_schema_field(OpenApiTypes.DATETIME)
class Moment(serializers.Field):
    """A time with its zone, as RFC 3339 writes it; beyond 1970 and 2200 nothing is known, so that it is cut there."""

    default_error_messages = {"invalid": "Write a time with its zone, for example 2026-11-21T12:00:00Z."}

    def to_internal_value(self, data) -> datetime:
        if not isinstance(data, str) or len(data) > 40 or len(data) < 11 or data[10] not in "Tt":
            self.fail("invalid")
        try:
            at = parse_datetime(data.upper())
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            self.fail("invalid")
        try:
            return min(max(at, FIRST), LAST).astimezone(UTC)
        except OverflowError:
            return FIRST if at.year < 1970 else LAST

    def to_representation(self, value):
        return value


class Whole(serializers.IntegerField):
    """A whole number, not a text that looks like one."""

    def __init__(self, **options):
        super().__init__(**{"min_value": 0, "max_value": LARGEST_ID, **options})

    def to_internal_value(self, data):
        if isinstance(data, float) and data.is_integer():
            data = int(data)  # JSON knows one kind of number: 412.0 is 412
        text_in_address = isinstance(data, str) and self.parent is None
        return super().to_internal_value(data) if type(data) is int or text_in_address else self.fail("invalid")


class Number(serializers.FloatField):
    """A number, not a text that looks like one; JSON knows neither NaN nor infinities."""

    def to_internal_value(self, data):
        return super().to_internal_value(data) if type(data) in (int, float) else self.fail("invalid")


class YesNo(serializers.BooleanField):
    """true or false, and nothing that may be meant so."""

    def to_internal_value(self, data):
        if self.parent is None and data in ("true", "false"):  # in an address everything is text
            return data == "true"
        return data if isinstance(data, bool) else self.fail("invalid", input=str(data)[:20])


class Word(serializers.ChoiceField):
    """One of a list of words."""

    def to_internal_value(self, data):
        if not isinstance(data, str) or data not in self.choices:
            self.fail("invalid_choice", input=str(data)[:50])
        return data


class Words(serializers.Field):
    """A list of words in an address, with commas between them."""

    def __init__(self, one: serializers.Field, most: int = 100, **options):
        self.one, self.most = one, most
        super().__init__(**options)

    def to_internal_value(self, data) -> list:
        words = data.split(",")
        if len(words) > self.most:
            raise serializers.ValidationError(f"At most {self.most} at once.")
        return [self.one.run_validation(word) for word in words]


class Label(serializers.ChoiceField):
    """A number of an IntegerChoices, shown as its word."""

    def __init__(self, labels, **options):
        self.labels = {each.value: each.label for each in labels}
        super().__init__(list(self.labels.values()), **options)

    def show(self, value):
        return self.labels.get(value)


class OrderNumber(serializers.CharField):
    """The number by which people call a work order."""

    def show(self, value):
        return None if value is None else f"WO-{1000 + value}"


class Body(serializers.Serializer):
    """What is sent: a name that is not known is an error, because it is a mistake of whoever sends it."""

    def to_internal_value(self, data):
        errors = {}
        if isinstance(data, dict):
            errors = {name: [f"There is no such field; known are {', '.join(self._writable())}."] for name in
                      data.keys() - self._writable()}  # fmt: skip
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**error.detail, **errors}) from None
        if errors:
            raise serializers.ValidationError(errors)
        return values

    def _writable(self) -> dict[str, None]:
        return {name: None for name, field in self.fields.items() if not field.read_only}


class Nothing(Body):
    """An empty object: nothing is to be said."""


class Row(serializers.Serializer):
    """What is read: each field names by `source` the column that it shows; nothing else leaves the database."""
