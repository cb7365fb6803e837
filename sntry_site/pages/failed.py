"""The answer to a request that failed on our side: soon again where the database is away, else that it is noted."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from django.shortcuts import render

RETRY_SECONDS = 5


def failed(request) -> HttpResponse:
    """503 with Retry-After where the database did not answer, so that whoever asks comes again; else 500."""
    is_away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    response = render(
        None, "failed.html", {"is_away": is_away, "seconds": RETRY_SECONDS}, status=503 if is_away else 500
    )
    if is_away:
        response["Retry-After"] = str(RETRY_SECONDS)
    response["Cache-Control"] = "no-store"
    return response
