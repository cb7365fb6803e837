"""Money is text in JSON, because a number would be read as a float."""

from decimal import Decimal

from rest_framework import serializers


class Money(serializers.DecimalField):
    """A decimal with a point, as text."""

    def __init__(self, **options):
        super().__init__(**{"max_digits": 12, "decimal_places": 4, "coerce_to_string": True, **options})

    def to_representation(self, value) -> str | None:
        return None if value is None else f"{Decimal(value):f}"
