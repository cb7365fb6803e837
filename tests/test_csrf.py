"""Whoever is signed in changes nothing by a form of another site: every address, without exception but the listed."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from .test_access_matrix import EVERY

# They change nothing and know nobody, or their callers send a token of their own in a header.
WITHOUT = {"drive", "drive-route", "policy-reports"}


def plain(route: str) -> str:
    """An address of this route; whether its rows exist does not matter, because the token is looked at before."""
    route = re.sub(r"\^|\$|\\Z", "", route)
    route = re.sub(r"\(\?P<app_label>[^)]*\)", "stations", route)
    route = re.sub(r"\(\?P<(rest|url)>.*?\)+", "nowhere", route)
    return "/" + re.sub(
        r"<int:[^>]+>", "1", re.sub(r"<(slug|str|path)?:?[^>]+>", "1", re.sub(r"<int:[^>]+>", "1", route))
    )


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.django_db
def test_nothing_is_taken_without_the_token_of_a_page(method, caplog, settings):
    caplog.set_level("CRITICAL", "django")
    settings.API_LIMITS = dict.fromkeys(settings.API_LIMITS, (10**9, 60))
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    browser.force_login(User.objects.create_superuser("boss", password="a long word"))
    taken, asked = [], 0
    for route, name in EVERY:
        if name in WITHOUT or route.startswith("ocpi/"):
            continue
        asked += 1
        address = plain(route)
        answer = browser.generic(method, address, b"{}", "application/json")
        refused = answer.status_code == 403 or (route.startswith("api/") and answer.status_code in (404, 405))
        if not refused:
            taken.append((method, address, answer.status_code))
    assert taken == []
    assert asked > 400
