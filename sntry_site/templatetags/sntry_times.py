"""Times on pages: in the zone of the site, with the exact UTC time on hover."""

from datetime import datetime

from django import template
from django.utils import timezone

from stations.admin_display import relative
from stations.site_times import by_the_clock_of, shown_time

register = template.Library()
register.simple_tag(shown_time, name="local_time")


@register.filter
def ago(at: datetime) -> str:
    """How long ago `at` was, in one unit ("40 s ago")."""
    return relative(at, timezone.now())


@register.simple_tag
def log_time(at: datetime, site=None):
    """The same in a log: to the second if it is of today there, with its day if not."""
    is_today = by_the_clock_of(site, at).date() == by_the_clock_of(site, timezone.now()).date()
    return shown_time(at, site, "%H:%M:%S" if is_today else "%d %b %H:%M")
