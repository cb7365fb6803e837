"""The price of a site over the last days, drawn as steps."""

from datetime import datetime, timedelta

from django.db.models import Q

from pricing.models import PriceChange

from .money import price

DAYS = 7
WIDTH, HEIGHT, EDGE = 480, 96, 6


def price_history(site, now: datetime, tariff) -> dict:
    """What sessions cost at `site` in the last 7 days, and until the next change that is known: steps and words."""
    since = now - timedelta(days=DAYS)
    changes = PriceChange.objects.filter(site=site, ends_at__gt=since, starts_at__lte=now).that_began()
    changes = changes.filter(Q(applied=True) | ~Q(ended_because="") | Q(ends_at__lte=now))
    rows = list(changes.order_by("starts_at").values_list("starts_at", "ends_at", "old_price", "new_price"))
    return {**_drawn(_steps(rows, since, now, tariff), since, now), "changes": len(rows)}


def _steps(rows: list, since: datetime, now: datetime, tariff) -> list[tuple[datetime, float]]:
    """(from when, price), oldest first; between changes the price that was usual at the time."""
    usual = rows[0][2] if rows else tariff.base_price
    steps = [(since, usual)]
    for starts_at, ends_at, old, new in rows:
        steps.append((max(starts_at, since), new))
        if ends_at < now:
            steps.append((ends_at, old))
    steps.append((now, tariff.price))
    return steps


def _drawn(steps: list, since: datetime, now: datetime) -> dict:
    prices = [amount for _, amount in steps]
    low, high = min(prices), max(prices)
    spread = float(high - low) or 1.0
    points, before = [], None
    for at, amount in steps:
        x = WIDTH * ((at - since) / (now - since))
        y = HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (float(amount - low) / spread if high > low else 0.5)
        points += [(x, before)] if before is not None else []
        points.append((x, y))
        before = y
    return {"points": " ".join(f"{x:.1f},{y:.1f}" for x, y in points), "low": price(low), "high": price(high)}
