"""A day in one small picture, drawn by the server as inline SVG without any style attribute."""

from django.utils.html import format_html

WIDTH, HEIGHT = 96, 20


def sparkline(values: list[float | None], title: str) -> str:
    """A line through `values` (0-1, None where nothing was measured), with their range in words."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return format_html('<span class="quiet">{}</span>', "no history")
    step = WIDTH / (len(values) - 1)
    points = " ".join(
        f"{place * step:.1f},{HEIGHT - 1 - value * (HEIGHT - 2):.1f}"
        for place, value in enumerate(values)
        if value is not None
    )
    words = f"{title}: {min(known):.0%} to {max(known):.0%}"
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
