"""Addresses × methods × callers: each is classified, none serves who may not ask, none shows what is another's.

`MATRIX=all` also tries every method on every page of the admin, which takes minutes.
"""

import os
import re
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import get_resolver

from maintenance.models import Photo, PlannedSpell, Technician, WorkOrder
from stations.access import APPS, sync_roles
from stations.models import Job, Operator, SavedView, Site, Webhook

from . import fleet
from .access_matrix import class_of, may

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CALLERS = ("anonymous", "technician", "ops", "partner A", "partner B", "viewer", "superuser")
WHOLE = os.environ.get("MATRIX") == "all"
MODELS = {
    f"{app}_{model._meta.model_name}"
    for app in (*APPS, "auth", "axes")
    for model in apps.get_app_config(app).get_models()
}
# Rows that belong to no operator: the depots, their people and parts serve all of them.
FLEET_WIDE = ("tick", "modelversion", "causegroup", "part", "servicecentre", "technician", "stock", "stockmovement")
REFUSED = {401, 403, 404, 405}


def patterns(resolver=None, prefix: str = ""):
    """(route, name, whole name) of every address of the site."""
    for each in (resolver or get_resolver()).url_patterns:
        route = prefix + str(each.pattern)
        if hasattr(each, "url_patterns"):
            yield from patterns(each, route)
        else:
            yield route, each.name


EVERY = sorted(set(patterns()), key=str)


def test_every_address_of_the_site_is_classified():
    unknown = [(route, name) for route, name in EVERY if class_of(route, name, MODELS) is None]
    assert not unknown, "say in tests/access_matrix.py for whom these are"
    assert len(EVERY) > 400


def world(name: str) -> SimpleNamespace:
    """An operator, and for each parameter of an address a row of it."""
    operator = Operator.objects.create(name=name)
    fleet.fill(operator, 2)
    site = Site.objects.filter(operator=operator).first()
    order = WorkOrder.objects.filter(site=site).first()
    return SimpleNamespace(operator=operator, site=site, order=order, charger=site.chargers.first(), name=name)


def address_of(route: str, name: str | None, here: SimpleNamespace) -> str | None:
    """The address with rows of `here` for its parameters; None where the operator has no such row."""
    route = re.sub(r"\^|\$", "", route)
    route = re.sub(r"\(\?P<app_label>[^)]*\)", "stations", route)
    route = re.sub(r"\(\?P<(rest|url)>(\.\*|\(\?s:\.\*\))\)(\\Z)?", "nowhere/", route)
    for whole in re.findall(r"<[^>]+>", route):
        value = argument(whole.strip("<>").rpartition(":")[2], route, name, here)
        if value is None:
            return None
        route = route.replace(whole, str(value), 1)
    return f"/{route}"


def argument(parameter: str, route: str, name: str | None, here: SimpleNamespace):
    """A row of the operator for one parameter of an address."""
    if route.startswith("admin/"):
        return admin_argument(parameter, route, here)
    if route.startswith("api/v1/"):
        rows = {
            "sites": here.site.external_id, "chargers": here.charger.external_id, "work-orders": here.order.pk,
            "incidents": here.order.incident_id, "pricing-stops": here.operator.pricing_stops.first().pk,
            "exports": Job.objects.filter(operator=here.operator, kind="operator_dump").first().pk,
            "webhooks": Webhook.objects.filter(partner__operator=here.operator).first().pk,
            "planned-work": PlannedSpell.objects.filter(work__site=here.site).first().pk,
        }  # fmt: skip
        return next(value for word, value in rows.items() if f"/{word}/<" in route)
    known = {
        "external_id": here.charger.external_id if "chargers/" in route else here.site.external_id,
        "item": here.order.checklist.values_list("pk", flat=True).first(),
        "need": here.order.parts.values_list("pk", flat=True).first(),
        "operator": here.operator.pk, "slug": "uptime", "token": "none", "cell": "60_-196",
        "pk": here.site.pk if "sites/" in route else here.order.pk,
    }  # fmt: skip
    if route.startswith("ocpi/"):
        known |= {"version": "2.2.1", "location": here.site.pk, "evse": here.charger.pk, "connector": "1"}
    if route.startswith("jobs/"):
        known["pk"] = job_of(here)
    if "photos/<int:pk>" in route:
        known["pk"] = Photo.objects.filter(order=here.order).first().pk
    return known[parameter]


def job_of(here: SimpleNamespace) -> int:
    """A job that somebody of the operator has asked for."""
    return Job.objects.filter(created_by__username__startswith=here.name).first().pk


def admin_argument(parameter: str, route: str, here: SimpleNamespace):
    """The same of the admin: the row of the model whose page it is."""
    if parameter == "content_type_id":
        return 1
    _, app, model, *_ = route.split("/")
    if app == "r":
        return 1
    if "views/<" in route:
        return SavedView.objects.filter(user__username__startswith=here.name).values_list("pk", flat=True).first()
    rows = apps.get_model(app, model)._default_manager.all()
    if model == "job":
        return job_of(here)
    if app == "auth" or not hasattr(rows, "visible_to"):
        return rows.order_by("-pk").values_list("pk", flat=True).first()
    path = {"operator": "pk"}.get(model, getattr(rows, "operator_path", None))
    found = rows.filter(**{path: here.operator.pk}) if path else rows
    return found.order_by("pk").values_list("pk", flat=True).first()


def callers(mine: Operator, other: Operator) -> dict[str, tuple[Client, dict]]:
    """A client, and its headers, for each kind of caller."""
    sync_roles()
    technician = fleet.person("tech", "technician", mine)
    User.objects.filter(pk=technician.pk).update(is_staff=False)
    Technician.objects.create(code="T-tech", centre=Technician.objects.first().centre, user=technician)
    people = {
        "technician": technician,
        "ops": fleet.person("ops", "ops", mine),
        "viewer": fleet.person("viewer", "viewer", mine),
        "superuser": fleet.person("chief", is_superuser=True),
    }
    known = {"anonymous": (Client(raise_request_exception=False), {})}
    for name, user in people.items():
        known[name] = (Client(raise_request_exception=False), {"user": user})
    for name, operator in (("partner A", mine), ("partner B", other)):
        _, text = fleet.partner(operator, f"calls {name}")
        known[name] = (Client(raise_request_exception=False), {"Authorization": f"Bearer {text}"})
    return {name: known[name] for name in CALLERS}


def ask(caller, method: str, address: str):
    client, headers = caller
    if "user" in headers:
        if "sessionid" not in client.cookies or not client.cookies["sessionid"].value:
            client.force_login(headers["user"])
        headers = {}
    body = {"data": b"{}", "content_type": "application/json"} if method != "GET" else {}
    return client.generic(method, address, body.get("data", b""), body.get("content_type", ""), headers=headers)


def refused(response) -> bool:
    """Whether nothing was served: an error, or the way to the form to sign in or back to the index."""
    where = response.get("Location", "")
    to_the_page = where.startswith("/admin/") and where.endswith("/change/")  # whose own address is in the matrix too
    away = response.status_code in (301, 302) and (
        "login" in where or where in ("/admin/", "/work/", "/") or to_the_page
    )
    return response.status_code in REFUSED or away


def methods_of(kind: str) -> tuple[str, ...]:
    return METHODS if WHOLE or kind != "admin" else ("GET", "POST")


@pytest.fixture
def both(db, settings, caplog):
    caplog.set_level("CRITICAL", "django.request")
    settings.API_LIMITS = dict.fromkeys(settings.API_LIMITS, (10**9, 60))
    mine, other = world("Northline"), world("Volterra")
    return mine, other, callers(mine.operator, other.operator)


@pytest.mark.timeout(3600)
def test_nobody_is_served_who_may_not_ask(both):
    mine, _, known = both
    leaks, cells = [], 0
    for route, name in EVERY:
        kind = class_of(route, name, MODELS)
        address = address_of(route, name, mine)
        for who, caller in known.items():
            for method in methods_of(kind):
                cells += 1
                if address is None or may(kind, name, who, method) or who == "superuser":
                    continue
                if not refused(response := ask(caller, method, address)):
                    leaks.append((who, method, address, response.status_code))
    assert not leaks, summary(leaks)
    assert cells > 5_000


@pytest.mark.timeout(3600)
def test_what_is_another_operators_does_not_exist(both):
    _, other, known = both
    leaks = []
    for route, name in EVERY:
        kind = class_of(route, name, MODELS)
        if "<" not in route or kind in ("public", "nothing") or "(?P" in route or fleet_wide(route):
            continue
        address = address_of(route, name, other)
        for who in ("technician", "ops", "viewer", "partner A"):
            for method in ("GET", "POST") if not WHOLE else METHODS:
                if address is None:
                    continue
                response = ask(known[who], method, address)
                if not refused(response) and (response.status_code < 400 or other.name in response.content.decode()):
                    leaks.append((who, method, address, response.status_code))
    assert not leaks, summary(leaks)


def summary(found: list[tuple]) -> str:
    return "\n".join(map(str, found[:60]))


def fleet_wide(route: str) -> bool:
    """Rows of no operator: people with the permission see them all."""
    return (
        route.startswith(("admin/r/", "admin/auth/"))
        or any(f"/{model}/" in route for model in FLEET_WIDE)
        or "views/" in route
        or "slug" in route
        or "token" in route
    )


@pytest.mark.timeout(3600)
def test_what_is_served_names_nothing_of_another_operator_and_fails_nowhere(both):
    mine, other, known = both
    wrong = []
    for route, name in EVERY:
        kind = class_of(route, name, MODELS)
        if kind == "admin" and not WHOLE:
            continue
        address = address_of(route, name, mine)
        for who in [who for who in CALLERS if address and may(kind, name, who, "GET") and who != "partner B"]:
            response = ask(known[who], "GET", address)
            told = b"".join(response) if response.streaming else response.content
            if response.status_code >= 500 and name != "readyz":
                wrong.append((who, address, response.status_code))
            told = told.replace(b"Depot Volterra", b"")  # depots serve all operators
            of_others = [each for each in (other.name, other.site.external_id) if each.encode() in told]
            if who != "superuser" and of_others and kind != "public":
                wrong.append((who, address, of_others))
    assert not wrong, summary(wrong)
