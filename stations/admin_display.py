"""How the admin shows a state, a quantity and a time; always through format_html, because names are hostile."""

from decimal import Decimal

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html

from .site_times import shown_time

EMPTY = "–"
STEPS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def badge(choice) -> str:
    """Shape, word and colour of a member of a TextChoices that has all three."""
    return format_html(
        '<span class="badge badge-{}"><span aria-hidden="true">{}</span> {}</span>',
        choice.colour,
        choice.shape,
        choice.label,
    )


def quantity(value: float | Decimal | None, unit: str = "", decimals: int = 0) -> str:
    """A number to the right of its cell, with its unit; an en dash where there is none."""
    if value is None:
        return format_html('<span class="quantity">{}</span>', EMPTY)
    # Not Django's number_format: it cuts decimals off instead of rounding them.
    return format_html('<span class="quantity">{}{}</span>', f"{value:,.{decimals}f}", f" {unit}" if unit else "")


def moment(at, now=None) -> str:
    """A time as seen from now ("4 min ago"), with the exact UTC time on hover."""
    if at is None:
        return EMPTY
    exact = at.strftime("%Y-%m-%d %H:%M:%S UTC")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', at.isoformat(), exact, relative(at, now or timezone.now())
    )


def relative(at, now) -> str:
    """`at` in words as seen at `now`, in its largest whole unit; a date when it is longer ago than 60 days."""
    seconds = int((now - at).total_seconds())
    if abs(seconds) > 60 * 86400:
        return at.strftime("%Y-%m-%d")
    for size, unit in STEPS:
        if abs(seconds) >= size:
            return f"{seconds // size} {unit} ago" if seconds > 0 else f"in {-seconds // size} {unit}"
    return "now"


def lookup(instance, path: str):
    """The value at `path` ("state.risk"), or None where a row on the way is missing."""
    for name in path.split("."):
        instance = getattr(instance, name, None)
        if instance is None:
            return None
    return instance


def badge_column(path: str, title: str, choices=None, ordering: str | None = None):
    """A list column that shows the choice at `path` as a badge; `choices` where the path ends at a plain value."""

    @admin.display(description=title, ordering=ordering or path.replace(".", "__"))
    def column(instance):
        value = lookup(instance, path)
        if value in (None, ""):
            return EMPTY
        return badge(choices(value) if choices else value)

    column.plain = lambda instance: _word(lookup(instance, path), choices)
    return column


def _word(value, choices):
    return None if value in (None, "") else (choices(value) if choices else value).label


def quantity_column(path: str, title: str, unit: str = "", decimals: int = 0, scale: float = 1):
    """A list column that shows the number at `path`, times `scale`, with its unit."""

    @admin.display(description=title, ordering=path.replace(".", "__"))
    def column(instance):
        value = lookup(instance, path)
        return quantity(value if value is None or scale == 1 else value * scale, unit, decimals)

    column.plain = path if scale == 1 else lambda instance: _scaled(lookup(instance, path), scale)
    return column


def _scaled(value, scale: float):
    return None if value is None else round(value * scale, 6)


def moment_column(path: str, title: str):
    """A list column that shows the time at `path` as seen from now."""

    @admin.display(description=title, ordering=path.replace(".", "__"))
    def column(instance):
        return moment(lookup(instance, path))

    column.plain = path
    return column


def site_time_column(path: str, title: str, site: str = "site"):
    """A list column, or a field that is not edited: the time at `path` by the clock of the site at `site`."""

    @admin.display(description=title, ordering=path.replace(".", "__"))
    def column(instance):
        return shown_time(lookup(instance, path), lookup(instance, site), "%Y-%m-%d %H:%M")

    column.plain, column.__name__ = path, path.replace(".", "_")
    return column


def clipped_column(path: str, title: str):
    """A list column that shows the text at `path`, cut off where the column ends."""

    @admin.display(description=title, ordering=path.replace(".", "__"))
    def column(instance):
        return format_html('<span class="clip">{}</span>', lookup(instance, path) or EMPTY)

    column.plain = path
    return column
