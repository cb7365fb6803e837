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
def local_time(at: datetime | None, site=None, form: str = "%m-%d %H:%M"):
    """`at` in the zone of `site`, or of the data, named where it is not UTC; a dash where there is none."""
    if at is None:
        return "–"
    zone = ZoneInfo((site.time_zone if site else "") or settings.DATA_TIME_ZONE)
    there, exact = at.astimezone(zone), at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC">{} {}</time>',
        f"{exact:%Y-%m-%dT%H:%M:%SZ}", f"{exact:%Y-%m-%d %H:%M:%S}", there.strftime(form), there.tzname(),
    )  # fmt: skip
