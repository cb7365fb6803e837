"""What must never be in the database is refused by PostgreSQL itself, by a constraint whose name says why."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.db.models import F

from maintenance.models import (
    Incident,
    OrderPart,
    Part,
    PlannedSpell,
    PlannedWork,
    RemoteAttempt,
    RootCauseNote,
    ServiceCentre,
    Stock,
    WorkOrder,
)
from stations.access import APPS
from stations.characters import CONTROLS
from stations.models import (
    AnsweredRequest,
    AssistantCall,
    Charger,
    Membership,
    OcpiConnection,
    OcpiPush,
    Operator,
    Partner,
    PartnerKey,
    SavedView,
    Site,
    WebhookDelivery,
)
from telemetry.models import (
    CauseGroup,
    ChargerRisk,
    ChargingSession,
    Diagnosis,
    Listening,
    ModelVersion,
    Outage,
    Risk,
    SiteOverride,
    SiteState,
    SoftEvents,
    StatusReport,
    TickShard,
)

from . import fleet
from .fleet import NOW

HOUR = timedelta(hours=1)


@pytest.fixture
def world(db):
    """Northline with one site that has one charger."""
    operator = Operator.objects.create(name="Northline")
    site = fleet.site(operator, 1)
    return SimpleNamespace(operator=operator, site=site, charger=fleet.charger(site))


def state(world, **fields):
    SiteState.objects.filter(site=world.site).delete()
    SiteState.objects.create(site=world.site, **fields)


def outage(world, **fields):
    Outage.objects.create(charger=world.charger, **{"started_at": NOW, "status": "FAULTED", **fields})


def session(world, **fields):
    ChargingSession.objects.create(charger=world.charger, **{"started_at": NOW, **fields})


def report(world):
    StatusReport.objects.create(charger=world.charger, reported_at=NOW, status="FAULTED")


def soft_events(world, **fields):
    SoftEvents.objects.create(charger=world.charger, at=NOW, **fields)


def diagnosis(world, **fields):
    about = {"kind": "happened", "at": NOW, "cause": "unknown", "confidence": 0.4, "evidence": "a code"}
    Diagnosis.objects.create(charger=world.charger, **{**about, **fields})


def group_of_model(world):
    model = ModelVersion.objects.create(file_name="a", sha256="0" * 64, scikit_learn="1.9", trained_at=NOW)
    for _ in range(2):
        CauseGroup.objects.create(model=model, number=1, size=1, name="code CX003")


def active_model():
    return ModelVersion.objects.create(
        state="active", file_name="a", sha256="0" * 64, scikit_learn="1.9", trained_at=NOW
    )


def incident(world, **fields):
    Incident.objects.create(site=world.site, source="person", summary="smoke", **{"opened_at": NOW, **fields})


def note(world, **fields):
    about = {"source": "rules", "summary": "hot", "cause": "unknown", "safety": "Cut off the supply.", **fields}
    RootCauseNote.objects.create(incident=fleet.work_order(world.site).incident, **about)


def membership(world):
    user = fleet.person("owner")
    for _ in range(2):
        Membership.objects.create(user=user, operator=world.operator)


def company(world, name="Fleetly"):
    return fleet.partner(world.operator, name)[0].partner


def partner_key(world, **fields):
    fleet.partner(world.operator)
    PartnerKey.objects.update(**fields)


def cabinet_port(world):
    for number in (2, 3):
        fleet.charger(world.site, number, cabinet_id="CAB-1", cabinet_port=1)


def twice(create, *args, **fields):
    create(*args, **fields)
    create(*args, **fields)


def tick_shard():
    model = ModelVersion.objects.get_or_create(
        file_name="a", defaults={"sha256": "0" * 64, "scikit_learn": "1.9", "trained_at": NOW}
    )[0]
    TickShard.objects.create(slot=1, shard=0, worker="a", model=model, claimed_at=NOW)


def saved_view(world, **fields):
    ada, _ = User.objects.get_or_create(username="ada")
    SavedView.objects.bulk_create([SavedView(user=ada, changelist="stations.site", **fields)])


def orders_of_two_incidents(world):
    fleet.work_order(world.site)
    Incident.objects.update(closed_at=NOW)
    fleet.work_order(world.site)


def part(number=1, **fields):
    return Part.objects.create(number=f"P-{number}", name=f"fuse {number}", **fields)


def stock(world, **fields):
    centre = ServiceCentre.objects.get_or_create(name="Depot", latitude=30, longitude=-97)[0]
    known = Part.objects.first() or part()
    return Stock.objects.create(**{"part": known, "centre": centre, "quantity": 2, **fields})


def order_part(world, **fields):
    order = WorkOrder.objects.first() or fleet.work_order(world.site)
    OrderPart.objects.create(**{"order": order, "part": Part.objects.first() or part(), **fields})


def remote_attempt(world):
    about = Incident.objects.first() or fleet.work_order(world.site).incident
    RemoteAttempt.objects.create(incident=about, charger=world.charger, rung="poll", at=NOW, answer="no answer")


def planned_spell(world, **fields):
    work = PlannedWork.objects.first() or PlannedWork.objects.create(site=world.site, title="Filters", first_at=NOW)
    PlannedSpell.objects.create(work=work, starts_at=NOW, **{"ends_at": NOW + HOUR, **fields})


def merged_into_itself(world):
    incident(world)
    Incident.objects.update(merged_into=F("pk"))


# The name of each constraint, and the row that it refuses.
REFUSED = {
    "membership_once_per_operator": membership,
    "saved_view_name_once_per_person_and_list": lambda w: twice(saved_view, w, name="Mine"),
    "saved_view_one_default_per_person_and_list": lambda w: [
        saved_view(w, name=name, default=True) for name in ("Mine", "Yours")
    ],
    "shard_of_a_tick_is_done_once": lambda w: twice(tick_shard),
    "answered_once_per_caller_and_key": lambda w: twice(
        AnsweredRequest.objects.create, caller="user:1", key="1", request_hash="", asked_at=NOW
    ),
    "webhook_once_per_partner_and_address": lambda w: twice(fleet.webhook, company(w)),
    "listening_is_one_row": lambda w: Listening.objects.create(pk=2, since=NOW, noted_at=NOW),
    "webhook_wants_something": lambda w: fleet.webhook(company(w), events=[]),
    "webhook_delivery_once_per_event": lambda w: twice(
        WebhookDelivery.objects.create, webhook=fleet.webhook(company(w)), key="a", event="test", payload={}
    ),
    "ocpi_token_once": lambda w: [
        OcpiConnection.objects.create(partner=company(w, name), party_id="NOR", token_hash="0" * 128) for name in "ab"
    ],
    "ocpi_push_once_per_object": lambda w: twice(
        OcpiPush.objects.create,
        connection=fleet.ocpi_connection(company(w))[0],
        module=2,
        row_id=1,
        is_whole=True,
        noted_at=NOW,
    ),
    "ocpi_token_hash_is_sha512": lambda w: OcpiConnection.objects.create(
        partner=company(w), party_id="NOR", token_hash="plain"
    ),
    "partner_once_per_operator": lambda w: twice(Partner.objects.create, operator=w.operator, name="Fleetly"),
    "partner_key_has_scopes": lambda w: partner_key(w, scopes=[]),
    "partner_key_hash_is_sha512": lambda w: partner_key(w, secret_hash="plain"),
    "site_latitude_and_longitude_both_or_neither": lambda w: fleet.site(w.operator, 2, longitude=None),
    "site_price_not_negative": lambda w: fleet.site(w.operator, 2, base_price=-1),
    "site_free_means_price_zero": lambda w: fleet.site(w.operator, 2, pricing_type="free", base_price=1),
    "site_power_not_negative": lambda w: fleet.site(w.operator, 2, power_kw=-1),
    "site_id_has_no_control_characters": lambda w: Site.objects.filter(pk=w.site.pk).update(external_id="1\n2"),
    "charger_id_has_no_control_characters": lambda w: fleet.charger(w.site, "\u202e2"),
    "charger_port_once_per_cabinet": cabinet_port,
    "charger_power_not_negative": lambda w: fleet.charger(w.site, 2, power_kw=-1),
    "reading_once_per_site_and_time": lambda w: twice(fleet.reading, w.site),
    "reading_ports_add_up": lambda w: fleet.reading(w.site, ports_available=4),
    "reading_utilization_0_to_1": lambda w: fleet.reading(w.site, utilization=1.01),
    "sitestate_risk_0_to_1": lambda w: state(w, risk=1.01),
    "sitestate_utilization_0_to_1": lambda w: state(w, utilization=float("nan")),
    "sitestate_price_not_negative": lambda w: state(w, price=-1),
    "sitestate_ports_not_negative": lambda w: state(w, ports_available=-1),
    "status_report_once_per_charger_and_time": lambda w: twice(report, w),
    "outage_once_per_charger_and_start": lambda w: twice(outage, w, ended_at=NOW + HOUR),
    "outage_one_open_per_charger": lambda w: (outage(w), outage(w, started_at=NOW + HOUR)),
    "outage_ends_after_start": lambda w: outage(w, ended_at=NOW),
    "session_once_per_charger_and_start": lambda w: twice(session, w),
    "session_ends_after_start": lambda w: session(w, ended_at=NOW - HOUR),
    "session_energy_not_negative": lambda w: session(w, energy_kwh=-1),
    "soft_events_once_per_charger_and_half_hour": lambda w: twice(soft_events, w),
    "soft_events_not_negative": lambda w: soft_events(w, reboots=-1),
    "risk_probability_0_to_1": lambda w: Risk.objects.create(site=w.site, at=NOW, probability=-0.1, level="low"),
    "charger_risk_0_to_1": lambda w: ChargerRisk.objects.create(
        charger=w.charger, at=NOW, probability=1.01, model=active_model()
    ),
    "diagnosis_once_per_charger_kind_and_time": lambda w: twice(diagnosis, w),
    "diagnosis_confidence_0_to_1": lambda w: diagnosis(w, confidence=1.01),
    "cause_group_once_per_model": group_of_model,
    "model_version_one_active_per_kind_level_and_horizon": lambda w: twice(active_model),
    "override_ends_after_start": lambda w: SiteOverride.objects.create(site=w.site, starts_at=NOW, ends_at=NOW - HOUR),
    "incident_one_open_per_site_charger_cause": lambda w: twice(incident, w),
    "incident_closes_after_opening": lambda w: incident(w, closed_at=NOW - HOUR),
    "work_order_one_open_per_site_charger_cause": orders_of_two_incidents,
    "work_order_closed_when_ended": lambda w: fleet.work_order(w.site, state="closed"),
    "work_order_closes_after_opening": lambda w: fleet.work_order(w.site, state="closed", closed_at=NOW - HOUR),
    "work_order_on_hold_for_a_reason": lambda w: fleet.work_order(w.site, state="on_hold"),
    "work_order_minutes_not_negative": lambda w: fleet.work_order(w.site, minutes_work=-1),
    "incident_not_merged_into_itself": merged_into_itself,
    "incident_snoozed_for_a_reason": lambda w: incident(w, snoozed_until=NOW),
    "remote_attempt_once_per_incident_charger_and_rung": lambda w: twice(remote_attempt, w),
    "planned_spell_once_per_work_and_time": lambda w: twice(planned_spell, w),
    "planned_spell_ends_after_start": lambda w: planned_spell(w, ends_at=NOW),
    "service_centre_is_on_the_globe": lambda w: ServiceCentre.objects.create(name="Far", latitude=1e200, longitude=0),
    "part_cost_not_negative": lambda w: part(unit_cost=-1),
    "stock_once_per_part_and_place": lambda w: twice(stock, w),
    "stock_reserved_within_quantity": lambda w: stock(w, reserved=3),
    "stock_in_a_centre_or_a_van": lambda w: stock(w, centre=None),
    "order_part_once": lambda w: twice(order_part, w),
    "order_part_not_negative": lambda w: order_part(w, used=-1),
    "order_part_reserved_has_a_place": lambda w: order_part(w, reserved=1),
    "note_confidence_0_to_1": lambda w: note(w, confidence=1.01),
    "assistant_call_shown_or_failed": lambda w: AssistantCall.objects.create(asked_at=NOW, model="m", was_shown=False),
    "note_by_gemini_names_its_model": lambda w: note(w, source="gemini"),
    "price_change_period_not_backwards": lambda w: fleet.price_change(w.site, ends_at=NOW - HOUR),
    "price_change_prices_not_negative": lambda w: fleet.price_change(w.site, new_price=-1),
    "price_change_one_applied_per_site": lambda w: (
        fleet.price_change(w.site),
        fleet.price_change(w.site, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR),
    ),
    "price_change_power_0_to_1": lambda w: fleet.price_change(w.site, power_share="1.1"),
    "price_proposal_prices_not_negative": lambda w: fleet.price_proposal(w.site, new_price=-1),
    "price_proposal_one_waiting_per_site": lambda w: (fleet.price_proposal(w.site), fleet.price_proposal(w.site)),
    "surge_policy_version_once": lambda w: fleet.surge_policy(fleet.surge_policy().name),
    "surge_policy_operator_where_it_is_for_one": lambda w: fleet.surge_policy(applies_to="operator"),
    "surge_policy_ends_below_where_it_begins": lambda w: fleet.surge_policy(heat_off_c=59, heat_on_c=58),
    "price_change_no_overlap_per_site": lambda w: (
        fleet.price_change(w.site, applied=False),
        fleet.price_change(w.site, starts_at=NOW + HOUR / 2),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_database_refuses_a_row_that_breaks(name, world):
    with pytest.raises(IntegrityError) as refusal:
        REFUSED[name](world)
    assert refusal.value.__cause__.diag.constraint_name == name


def test_no_constraint_is_without_its_refused_row(db):
    models = [model for app in APPS for model in apps.get_app_config(app).get_models()]
    declared = {constraint.name for model in models for constraint in model._meta.constraints}
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint WHERE contype = 'x'")
        exclusions = {name for (name,) in cursor.fetchall()}
    assert exclusions
    assert declared | exclusions == set(REFUSED)


def test_an_order_that_has_ended_does_not_stop_the_next_one(world):
    first = fleet.work_order(world.site)
    first.state, first.closed_at = "closed", NOW
    first.save()
    Incident.objects.update(closed_at=NOW)
    assert fleet.work_order(world.site).pk != first.pk


def test_price_changes_that_only_touch_and_those_of_other_sites_do_not_overlap(world):
    fleet.price_change(world.site, applied=False)
    fleet.price_change(world.site, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    fleet.price_change(fleet.site(world.operator, 2))
    assert Site.objects.filter(price_changes__isnull=False).distinct().count() == 2


def test_ids_from_before_their_constraint_lose_control_characters_and_stay_unique(world):
    migration = import_module("stations.migrations.0002_ids_without_control_characters")
    constraint = migration.without_controls("charger").constraint
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # because no table with rows still to be checked can be altered
        cursor.execute(f"ALTER TABLE stations_charger DROP CONSTRAINT {constraint.name}")
        old = [fleet.charger(world.site, number) for number in ("\n2", "\u20282", "ab" * 25 + "\x85")]
        site, good = world.site.external_id, world.charger.external_id
        cursor.execute(migration.CLEAN.format(table="charger", controls=migration.CONTROLS))
    with connection.schema_editor() as editor:
        editor.add_constraint(Charger, constraint)
    for charger in (*old, world.charger):
        charger.refresh_from_db()
    assert [charger.external_id for charger in old[:2]] == [f"{site}-2-{charger.pk}" for charger in old[:2]]
    assert old[2].external_id.endswith(f"-{old[2].pk}")
    assert world.charger.external_id == good
    assert migration.CONTROLS == CONTROLS


def test_an_id_with_control_characters_is_refused_in_words(world):
    world.site.external_id = "1\u20662"
    with pytest.raises(ValidationError, match="The ID has control characters; type it anew without them"):
        world.site.full_clean()
