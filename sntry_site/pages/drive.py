"""The page for drivers: open to everyone, without an account, a cookie or anything kept about who asks."""

import hashlib
import time
from typing import NamedTuple

import orjson
from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import condition, require_http_methods, require_POST, require_safe

from maintenance.routing.route import route_for
from pricing.tariff import tariffs
from stations.map_tiles import map_tiles
from stations.models import Site

from ..drive import REACH_KM, Cell, advice, map_of_sites, place_of, public_sites
from .limits import limited
from .price_history import price_history

SECONDS = 10  # a tick
MAP_SECONDS = 60
MOST_TYPED = 100  # characters


class Kept(NamedTuple):
    """What all drivers are told for some seconds: as rows, and as the very answer."""

    told: dict | list
    body: bytes
    etag: str
    cells: dict[str, Cell]  # of the map, by their names in addresses


def _packed(told: dict | list) -> Kept:
    body = orjson.dumps(told)
    cells = {f"{row}_{column}": (row, column) for row, column, _ in told["cells"]} if isinstance(told, dict) else {}
    return Kept(told, body, f'"{hashlib.sha256(body).hexdigest()[:20]}"', cells)


# Made once per process and slot of time, however many ask: the map under (slot,), cells under (slot, row, column).
_kept: dict[tuple[int, ...], Kept] = {}


def _keep(key: tuple[int, ...], make) -> Kept:
    if key not in _kept or settings.DEBUG:
        for old in [one for one in list(_kept) if len(one) == len(key) and one[0] != key[0]]:
            _kept.pop(old, None)
        _kept[key] = _packed(make())
    return _kept[key]


def _map() -> Kept:
    return _keep((int(time.time() // MAP_SECONDS),), map_of_sites)


def _sites(cell: Cell) -> Kept:
    return _keep((int(time.time() // SECONDS), *cell), lambda: public_sites(cell, timezone.now()))


def _named(cell: str) -> Kept | None:
    """The sites of a cell of the map; None if it has none, so that nobody fills the memory with empty ones."""
    found = _map().cells.get(cell)
    return _sites(found) if found else None


@csrf_exempt  # it changes nothing, and a token would need a cookie
@require_http_methods(["GET", "HEAD", "POST"])
@limited(120)
def page(request):
    """The form; with what was typed, which comes in the body so that no log has it, also the answer."""
    values = {"typed": "", "tiles": map_tiles(), "has_roads": bool(settings.OSRM_URL), "reach": REACH_KM}
    if request.method == "POST":
        typed = request.POST.get("place", "")[:MOST_TYPED]
        told = _map().told
        place = place_of(typed, told["cities"])
        values |= {"typed": typed, "is_unknown": place is None}
        values |= advice(place, told["cells"], lambda cell: _sites(cell).told) if place else {}
    answer = render(request, "drive/page.html", values)
    answer["Cache-Control"] = "no-store" if request.method == "POST" else "public, max-age=60"
    return answer


@require_safe
@limited(120)
@gzip_page
@cache_control(public=True, max_age=MAP_SECONDS)
@condition(etag_func=lambda request: _map().etag)
def where(request):
    """Which cells have sites, and where cities are, as JSON."""
    return HttpResponse(_map().body, content_type="application/json")


def _etag(request, cell: str) -> str | None:
    kept = _named(cell)
    return kept and kept.etag


@require_safe
@limited(600)
@gzip_page
@cache_control(public=True, max_age=SECONDS)
@condition(etag_func=_etag)
def data(request, cell: str):
    """The sites of a cell as JSON: browsers look for the nearest themselves, so that nobody is told where they are."""
    kept = _named(cell)
    if kept is None:
        return JsonResponse({"error": "No sites in this cell; /drive/map.json says which have some."}, status=404)
    return HttpResponse(kept.body, content_type="application/json")


@require_safe
@limited(120)
@cache_control(public=True, max_age=60)
def prices(request, external_id: str):
    """The price of a site in the last days, as a part of the page."""
    site = get_object_or_404(Site.objects.filter(state__isnull=False), external_id=external_id)
    now = timezone.now()
    tariff = tariffs([site.pk], now)[site.pk]
    values = {"site": site, "tariff": tariff, "history": price_history(site, now, tariff)}
    return render(request, "drive/prices.html", values)


@csrf_exempt  # as above
@require_POST
@limited(30)
def route(request):
    """The way by road from a place, which comes rounded to about 100 m in the body, to a site."""
    site = get_object_or_404(Site, external_id=request.POST.get("site", "")[:64], latitude__isnull=False)
    start = place_of(request.POST.get("place", "")[:MOST_TYPED], [])
    if start is None:
        return JsonResponse({"error": "place: give a latitude and a longitude, such as 30.267, -97.743."}, status=422)
    way = route_for([(site.latitude, site.longitude)], tuple(round(degrees, 3) for degrees in start))
    told = {"is_estimate": way.is_estimate, "km": round(way.km, 1), "minutes": round(way.minutes)}
    answer = JsonResponse({**told, "geometry": way.geometry, "turns": [step.text for step in way.steps]})
    answer["Cache-Control"] = "no-store"
    return answer
