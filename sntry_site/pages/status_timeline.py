"""A charger's last days as one bar: which state it was in when, drawn by the server, with the same in words."""

from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from stations.admin_display import badge
from telemetry.models import ChargerStatus, StatusReport

DAYS = 7
MOST_REPORTS = 5_000
BAR, HEIGHT = 24, 44  # pixels; widths are shares of the page, so that words keep their shape


class Spell(NamedTuple):
    """A charger was in one state, from then to then."""

    status: ChargerStatus
    starts_at: datetime
    ends_at: datetime


def last_days(charger_id: int, now: datetime, days: int = DAYS) -> list[Spell]:
    """The spells of the last days, oldest first; UNKNOWN before the first report ever. Two queries by index."""
    start, of = now - timedelta(days=days), StatusReport.objects.filter(charger=charger_id)
    before = of.filter(reported_at__lte=start).order_by("-reported_at").values_list("reported_at", "status").first()
    since = of.filter(reported_at__gt=start, reported_at__lte=now).order_by("-reported_at")
    told = list(since.values_list("reported_at", "status")[:MOST_REPORTS])[::-1]
    if len(told) == MOST_REPORTS:
        start = told[0][0]  # what it said before is more than can be drawn
    return spells([(start, before[1] if before else ChargerStatus.UNKNOWN), *told], now)


def spells(told: list[tuple[datetime, str]], until: datetime) -> list[Spell]:
    """Of reports in order of time: the states that held between them, those that repeat joined."""
    found: list[Spell] = []
    for (at, status), (ends_at, _) in zip(told, [*told[1:], (until, "")], strict=True):
        if found and found[-1].status == status:
            found[-1] = found[-1]._replace(ends_at=ends_at)
        elif ends_at > at:
            found.append(Spell(ChargerStatus(status), at, ends_at))
    return found


def shares(found: list[Spell]) -> list[tuple[ChargerStatus, float, int]]:
    """Of each state: its share of the time (0-1) and how many spells it had; the longest first."""
    whole = sum((spell.ends_at - spell.starts_at).total_seconds() for spell in found) or 1
    seconds: dict[ChargerStatus, list[float]] = {}
    for spell in found:
        seconds.setdefault(spell.status, []).append((spell.ends_at - spell.starts_at).total_seconds())
    rows = [(status, sum(each) / whole, len(each)) for status, each in seconds.items()]
    return sorted(rows, key=lambda row: -row[1])


def drawn(found: list[Spell], zone: ZoneInfo) -> SafeString:
    """The bar, days of `zone` below it; every spell says what it is when pointed at, the whole says its shares."""
    if not found:
        return format_html('<p class="quiet">{}</p>', "It has not said anything yet.")
    start, end = found[0].starts_at, found[-1].ends_at
    seconds = (end - start).total_seconds() or 1

    def place(at: datetime) -> float:
        return 100 * (at - start).total_seconds() / seconds

    bars = format_html_join(
        "",
        '<rect class="spell spell-{}" x="{}%" y="0" width="{}%" height="{}"><title>{}</title></rect>',
        (
            (
                one.status.colour,
                f"{place(one.starts_at):.3f}",
                f"{max(0.1, place(one.ends_at) - place(one.starts_at)):.3f}",
                BAR,
                _said(one, zone),
            )
            for one in found
        ),
    )
    first = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    midnights = [at for day in range(1, DAYS + 1) if (at := first + timedelta(days=day)) < end]
    days = format_html_join(
        "",
        '<line class="day-line" x1="{0}%" x2="{0}%" y1="0" y2="{1}"/><text x="{0}%" dx="4" y="{2}">{3}</text>',
        ((f"{place(at):.3f}", BAR + 4, HEIGHT - 4, f"{at:%a %d}") for at in midnights),
    )
    words = ", ".join(f"{status.label} {share:.0%}" for status, share, _ in shares(found))
    return format_html(
        '<svg class="timeline" height="{}" role="img" aria-label="{}">{}{}</svg>',
        HEIGHT, f"The last {DAYS} days: {words}", bars, days,
    )  # fmt: skip


def _said(spell: Spell, zone: ZoneInfo) -> str:
    """The spell in words, by the clock of the place and exactly."""
    starts_at, ends_at = spell.starts_at.astimezone(zone), spell.ends_at.astimezone(zone)
    there = f"{starts_at:%a %d %b %H:%M} to {ends_at:%a %d %b %H:%M %Z}"
    if starts_at.tzname() == ends_at.tzname() == "UTC":
        return f"{spell.status.label}: {there}"
    return f"{spell.status.label}: {there} (from {spell.starts_at:%Y-%m-%d %H:%M:%S} UTC)"


def legend(found: list[Spell]) -> list[tuple[str, str, int]]:
    """Badge, share and number of spells of each state."""
    return [(badge(status), f"{100 * share:.1f} %", number) for status, share, number in shares(found)]
