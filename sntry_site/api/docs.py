"""The contract as a file, and the page that shows it; both are open, because they hold nothing of anybody's."""

from functools import cache

import orjson
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from .problems import TITLES


@cache
def contract() -> bytes:
    """OpenAPI 3.1 as JSON; made once in each process."""
    from drf_spectacular.generators import SchemaGenerator  # here, because it costs every other process a second

    return orjson.dumps(SchemaGenerator().get_schema(request=None, public=True), option=orjson.OPT_NON_STR_KEYS)


@require_safe
def schema(request):
    """The contract as a file."""
    return HttpResponse(contract(), content_type="application/vnd.oai.openapi+json")


@require_safe
def page(request):
    """The contract to read and to try, and what the kinds of problems mean."""
    return render(request, "api/docs.html", {"problems": TITLES.items()})
