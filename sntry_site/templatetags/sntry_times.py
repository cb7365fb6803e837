"""Times on pages: in the zone of the site, with the exact UTC time on hover."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html

from stations.admin_display import relative

register = template.Library()


@register.filter
def ago(at: datetime) -> str:
    """How long ago `at` was, in one unit ("40 s ago")."""
    return relative(at, timezone.now())


@register.simple_tag
def local_time(at: datetime | None, site=None, form: str = "%m-%d %H:%M", words: str = ""):
    """`at` in the zone of `site`, or of the data, which is named; a dash where there is none.

    With `words`, such as "3 hours", these are shown and the time there is on hover, too.
    """
    if not at:  # None, or a template that found no row to ask
        return "–"
    there, exact = _there(at, site), at.astimezone(UTC)
    hover = f"{exact:%Y-%m-%d %H:%M:%S} UTC"
    if words and there.tzname() != "UTC":
        hover = f"{there:%Y-%m-%d %H:%M:%S %Z}, {hover}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        f"{exact:%Y-%m-%dT%H:%M:%SZ}", hover, words or f"{there.strftime(form)} {there.tzname()}",
    )  # fmt: skip


@register.simple_tag
def log_time(at: datetime, site=None):
    """The same in a log: to the second if it is of today there, with its day if not."""
    is_today = _there(at, site).date() == _there(timezone.now(), site).date()
    return local_time(at, site, "%H:%M:%S" if is_today else "%d %b %H:%M")


def _there(at: datetime, site) -> datetime:
    return at.astimezone(site.zone if site else ZoneInfo(settings.DATA_TIME_ZONE))
