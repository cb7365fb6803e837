"""A day in one small picture, drawn by the server as inline SVG without any style attribute."""

from django.utils.html import format_html

WIDTH, HEIGHT = 96, 20


def sparkline(values: list[float | None], title: str) -> str:
    """A line through `values` (0-1, None where nothing was measured), with their range in words."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return format_html('<span class="quiet">{}</span>', "no history")
    return _line(values, f"{title}: {min(known):.0%} to {max(known):.0%}")


def _line(values: list[float | None], words: str) -> str:
    step = WIDTH / max(1, len(values) - 1)
    points = " ".join(
        f"{place * step:.1f},{HEIGHT - 1 - value * (HEIGHT - 2):.1f}"
        for place, value in enumerate(values)
        if value is not None
    )
    return format_html(
        '<svg class="sparkline" width="{}" height="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<title>{}</title><polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>',
        WIDTH,
        HEIGHT,
        WIDTH,
        HEIGHT,
        words,
        words,
        points,
    )


def trend(values: list[float | None], words: str) -> str:
    """A line through counts, from nought to their highest; `words` says what it shows and how it ends."""
    highest = max((value for value in values if value is not None), default=0) or 1
    return _line([None if value is None else value / highest for value in values], words)
