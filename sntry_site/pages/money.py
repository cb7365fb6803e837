"""Amounts as people read them."""

from decimal import Decimal

from django.contrib.humanize.templatetags.humanize import intcomma


def dollars(amount) -> str:
    """An amount for people: cents only below ten dollars."""
    amount = Decimal(amount or 0)
    return f"${intcomma(f'{amount:.2f}' if abs(amount) < 10 else f'{amount:.0f}')}"


def price(amount) -> str:
    """A price per kWh or minute; a third or fourth decimal only where it has one."""
    if amount is None:
        return ""
    text = f"{Decimal(amount):.4f}".rstrip("0")
    return f"${text + '0' * max(0, 2 - len(text.partition('.')[2]))}"
