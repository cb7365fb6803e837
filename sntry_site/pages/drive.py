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

from ..drive import advice, place_of, public_sites
from .limits import limited
from .price_history import price_history

SECONDS = 10  # a tick
MOST_TYPED = 100  # characters


class Kept(NamedTuple):
    """What all drivers are told in one tick."""

    slot: int
    sites: list[dict]
    body: bytes
    etag: str


_kept = Kept(-1, [], b"", "")


def _now() -> Kept:
    """Made once per process and tick, however many ask."""
    global _kept
    slot = int(time.time() // SECONDS)
    if _kept.slot != slot or settings.DEBUG:
        sites = public_sites(timezone.now())
        body = orjson.dumps({"sites": sites})
        _kept = Kept(slot, sites, body, f'"{hashlib.sha256(body).hexdigest()[:20]}"')
    return _kept


@csrf_exempt  # it changes nothing, and a token would need a cookie
@require_http_methods(["GET", "HEAD", "POST"])
@limited(120)
def page(request):
    """The form; with what was typed, which comes in the body so that no log has it, also the answer."""
    values = {"typed": "", "tiles": map_tiles(), "has_roads": bool(settings.OSRM_URL)}
    if request.method == "POST":
        typed = request.POST.get("place", "")[:MOST_TYPED]
        sites = _now().sites
        place = place_of(typed, sites)
        values |= {"typed": typed, "is_unknown": place is None, **(advice(sites, place) if place else {})}
    answer = render(request, "drive/page.html", values)
    answer["Cache-Control"] = "no-store" if request.method == "POST" else "public, max-age=60"
    return answer


@require_safe
@limited(120)
@gzip_page
@cache_control(public=True, max_age=SECONDS)
@condition(etag_func=lambda request: _now().etag)
def data(request):
    """All sites as JSON: browsers look for the nearest themselves, so that nobody is told where they are."""
    return HttpResponse(_now().body, content_type="application/json")


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
