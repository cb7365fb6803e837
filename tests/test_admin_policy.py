"""Scripts run under the strict policy on our own pages, and under the theme's under the admin's address alone."""

import pytest
from django.urls import reverse

from . import fleet

pytestmark = pytest.mark.django_db


def directives(response) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: values for name, _, values in parts}


@pytest.mark.parametrize("page", ["admin:index", "admin:login", "admin:stations_site_changelist", "import"])
def test_the_admin_may_evaluate_but_load_nothing_from_elsewhere(page, client):
    client.force_login(fleet.person("chief", is_superuser=True))
    policy = directives(client.get(reverse(page)))
    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert policy["style-src"] == "'self' 'unsafe-inline'"
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"


@pytest.mark.parametrize("address", ["/", "/login/", "/nowhere/", "/administration/"])
def test_pages_outside_the_admin_are_strict(address, client):
    policy = directives(client.get(address))
    assert "unsafe" not in " ".join(policy.values())
    assert policy["script-src"] == "'self'"


def test_strangers_are_sent_to_the_login_page(client):
    for page in ("admin:index", "import", "admin:stations_job_changelist"):
        response = client.get(reverse(page))
        assert response.status_code == 302
        assert "/login/" in response["Location"]
