"""The route of the day on a map, with its turns."""

from django.http import JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from stations.map_tiles import map_tiles

from ..day_route import day_route
from .access import technician_required
from .day import due_today


@require_safe
@technician_required
def page(request):
    """The map; what is on it comes afterwards, because a routing server may take its time."""
    return render(request, "work/route.html", {"tiles": map_tiles(), "technician": request.technician})


@require_safe
@never_cache
@technician_required
def data(request):
    """The route as JSON."""
    orders, _ = due_today(request)
    return JsonResponse(day_route(orders, request.technician.centre).as_json)
