"""Money is text in JSON, because a number would be read as a float."""

import re
from decimal import Decimal
from functools import cached_property

from rest_framework import serializers


class Money(serializers.DecimalField):
    """A decimal with a point, as text: no exponent, no spaces, no digits of other scripts."""

    def __init__(self, **options):
        super().__init__(**{"max_digits": 12, "decimal_places": 4, "coerce_to_string": True, **options})

    @cached_property
    def pattern(self) -> str:
        """How it is written, for the contract and for what comes in."""
        sign = "" if self.min_value is not None and self.min_value >= 0 else "-?"
        places = self.max_digits - self.decimal_places
        return rf"^{sign}[0-9]{{1,{places}}}(?:\.[0-9]{{1,{self.decimal_places}}})?$"

    def to_internal_value(self, data) -> Decimal:
        if not isinstance(data, str) or not re.fullmatch(self.pattern[1:-1], data):
            self.fail("invalid")
        return super().to_internal_value(data)

    def to_representation(self, value) -> str | None:
        return None if value is None else f"{Decimal(value):f}"
