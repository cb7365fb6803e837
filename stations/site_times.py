"""Times as pages show them: by the clock of a site, with the exact UTC time on hover."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.html import format_html


def by_the_clock_of(site, at: datetime) -> datetime:
    """`at` in the zone of `site`, or of the data where there is none."""
    return at.astimezone(site.zone if site else ZoneInfo(settings.DATA_TIME_ZONE))


def shown_time(at: datetime | None, site=None, form: str = "%m-%d %H:%M", words: str = "") -> str:
    """`at` by the clock of `site`, whose zone is named; a dash where there is none.

    With `words`, such as "3 hours", these are shown and the time there is on hover, too.
    """
    if not at:  # None, or a template that found no row to ask
        return "–"
    there, exact = by_the_clock_of(site, at), at.astimezone(UTC)
    hover = f"{exact:%Y-%m-%d %H:%M:%S} UTC"
    if words and there.tzname() != "UTC":
        hover = f"{there:%Y-%m-%d %H:%M:%S %Z}, {hover}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        f"{exact:%Y-%m-%dT%H:%M:%SZ}", hover, words or f"{there.strftime(form)} {there.tzname()}",
    )  # fmt: skip
