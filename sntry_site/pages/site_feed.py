"""The live part of a site's page after each tick: its values, incidents, orders, prices and chargers."""

import orjson
from django.db.models import Max
from django.template.loader import render_to_string
from django.utils import timezone

from pricing.tariff import tariffs
from stations.access import operator_ids
from stations.consumers import LiveConsumer
from stations.models import Site
from telemetry.models import SiteState

from .sites import charger_values, now_values, price_values, work_values


class SiteFeed:
    """Snapshot and changes of one site; a view is its id."""

    kinds = frozenset({"tick"})

    def snapshot(self, view: int) -> tuple[dict[str, int], list[str]]:
        """The version first: what a tick writes in between is then sent twice, never missed."""
        version = SiteState.objects.aggregate(newest=Max("version"))["newest"] or 0
        return {"tick": version}, self._frames(view)

    def changes(self, view: int, message: dict) -> list[str]:
        """The site as it is after a tick, whole, because it is small."""
        return self._frames(view)

    def merged(self, older: dict, newer: dict) -> dict:
        """Of two ticks the site as it is after both."""
        return {**newer, "previous": older["previous"]}

    def _frames(self, view: int) -> list[str]:
        site = Site.objects.select_related("operator", "state").filter(pk=view).first()
        if site is None:
            return []
        now = timezone.now()
        tariff = tariffs([site.pk], now).get(site.pk)
        panels = {
            "site-now": render_to_string("sites/now.html", now_values(site, tariff)),
            "site-work": render_to_string("sites/work.html", work_values(site)),
            "site-prices": render_to_string("sites/prices.html", price_values(site, now, tariff)),
            "site-chargers": render_to_string("sites/chargers.html", charger_values(site)),
        }
        at = site.state.at if hasattr(site, "state") and site.state.at else None
        age = (now - at).total_seconds() if at else None
        return [orjson.dumps({"type": "site", "age": age, "panels": panels}).decode()]


class SiteConsumer(LiveConsumer):
    """The socket of a site's page: staff of its operator only."""

    feed = SiteFeed()

    def view_of(self, user, asked: dict) -> int | None:
        wanted = asked.get("site", "")
        if not user.is_staff or not wanted.isascii() or not wanted.isdecimal() or len(wanted) > 15:
            return None
        visible = Site.objects.filter(pk=int(wanted)).values_list("pk", "operator_id").first()
        ids = operator_ids(user)
        return visible[0] if visible and (ids is None or visible[1] in ids) else None
