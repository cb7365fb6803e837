"""Every page of the admin opens, shows only what its reader may see, and keeps the number of queries it had."""

import json
import os
from pathlib import Path

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from stations.access import sync_roles
from stations.models import Job, Operator

from . import fleet

BUDGETS = Path(__file__).with_name("query_budgets.json")
RECORD = bool(os.environ.get("RECORD_QUERY_BUDGETS"))
REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)
MOST_PER_LIST = 12
ROWS = 15  # a query for each of them is more than any budget leaves


@pytest.fixture
def filled(db):
    operator = Operator.objects.create(name="Northline")
    sync_roles()
    fleet.fill(operator, ROWS)
    return operator


def queries_of(client, url: str) -> int:
    client.get(url)  # content types and the like are read once per process
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = client.get(url, follow=True)  # a job's page is at an address of its own
    assert response.status_code == 200, url
    response.content  # noqa: B018  (renders what is lazy)
    return len(captured)


def pages_of(model) -> dict[str, str]:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    pages = {f"{model._meta.label} list": reverse(f"{name}_changelist")}
    row = model._default_manager.first()
    pages[f"{model._meta.label} page"] = reverse(f"{name}_change", args=[row.pk])
    if model is Job:  # its page is outside the admin
        pages[f"{model._meta.label} page"] = row.get_absolute_url()
    return pages


def test_no_page_of_the_admin_needs_more_queries_than_its_budget(filled, client):
    client.force_login(fleet.person("chief", is_superuser=True))
    pages = {"board": reverse("board"), "dashboard": reverse("admin:index"), "import": reverse("import")}
    pages["world check"] = reverse("world-check")
    for model in REGISTERED:
        pages.update(pages_of(model))
    used = {name: queries_of(client, url) for name, url in pages.items()}
    if RECORD:
        BUDGETS.write_text(json.dumps(used, indent=2, sort_keys=True) + "\n")
    budgets = json.loads(BUDGETS.read_text())
    over = {name: (count, budgets.get(name)) for name, count in used.items() if count > budgets.get(name, 0)}
    assert not over, f"page: (queries now, budget); re-record with RECORD_QUERY_BUDGETS=1: {over}"
    assert not {name: count for name, count in used.items() if name.endswith(" list") and count > MOST_PER_LIST}


def test_every_list_that_offers_counts_beside_its_filters_has_them(filled, client):
    client.force_login(fleet.person("chief", is_superuser=True))
    for pages in admin.site._registry.values():
        if pages.show_facets is not admin.ShowFacets.NEVER:
            opts = pages.model._meta
            listed = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
            response = client.get(listed, {"_facets": "True"})
            assert response.status_code == 200, (opts.label, response.get("Location"))
