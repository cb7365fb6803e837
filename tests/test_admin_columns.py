"""What the admin's columns say: states, quantities, times, a day in a line; and what its filters find."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from maintenance.models import WorkOrder
from stations.admin_display import badge, moment, quantity, relative
from stations.models import Job, Operator, Site
from stations.sparkline import sparkline
from telemetry.models import ChargerRisk, ChargerState, ChargerStatus, ModelVersion, RiskLevel, SiteState, SiteStatus

from . import fleet
from .fleet import NOW

BADGED = [RiskLevel, ChargerStatus, SiteStatus, WorkOrder.State, WorkOrder.Priority, Job.State, ModelVersion.State]


@pytest.mark.parametrize("choices", BADGED, ids=lambda choices: choices.__qualname__)
def test_every_state_has_a_shape_a_word_and_a_colour_and_no_two_shapes_share_a_colour(choices):
    assert all(choice.shape in "●■◆▲○" and choice.label for choice in choices)
    shape_of = {choice.colour: choice.shape for choice in choices}
    assert all(choice.shape == shape_of[choice.colour] for choice in choices)
    assert set(shape_of) <= {"available", "in-use", "watch", "critical", "offline"}


def test_a_badge_says_its_word_and_shape_beside_its_colour():
    assert badge(RiskLevel.CRITICAL) == (
        '<span class="badge badge-critical"><span aria-hidden="true">▲</span> Critical</span>'
    )


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "words"),
    [(None, "kW", 0, "–"), (0, "min", 0, "0 min"), (1234.56, "kWh", 1, "1,234.6 kWh"), (7, "", 0, "7")],
)
def test_a_quantity_has_its_unit_and_a_missing_one_is_no_zero(value, unit, decimals, words):
    assert quantity(value, unit, decimals) == f'<span class="quantity">{words}</span>'


def test_a_hostile_unit_is_text():
    assert "<img" not in quantity(1, "<img src=x>")


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(), "now"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(minutes=4, seconds=59), "4 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(days=60), "60 d ago"),
        (timedelta(days=61), "2026-09-20"),
        (-timedelta(hours=2), "in 2 h"),
    ],
)
def test_a_time_is_said_as_seen_from_now(ago, words):
    assert relative(NOW - ago, NOW) == words


def test_the_exact_time_is_on_hover():
    assert moment(NOW, NOW) == ('<time datetime="2026-11-20T12:00:00+00:00" title="2026-11-20 12:00:00 UTC">now</time>')


def test_a_sparkline_leaves_out_what_was_not_measured_and_says_its_range():
    drawn = sparkline([None, 0.25, None, 0.75], "utilization")
    assert drawn.count(",") == 2
    assert "utilization: 25% to 75%" in drawn
    assert "style" not in drawn
    assert "no history" in sparkline([None, 0.5], "utilization")


@pytest.fixture
def listed(db, client):
    """The names of the sites, or IDs of the chargers, that a question finds."""
    client.force_login(fleet.person("chief", is_superuser=True))

    def names(page: str, **question) -> set[str]:
        return {str(row) for row in client.get(reverse(f"admin:{page}_changelist"), question).context["cl"].queryset}

    return names


def site(operator: Operator, number: int, **state) -> Site:
    made = fleet.site(operator, number)
    SiteState.objects.update_or_create(site=made, defaults={"at": timezone.now(), **state})
    return made


def test_sites_are_found_by_level_silence_risk_without_order_and_operator(listed):
    northline, volterra = (Operator.objects.create(name=name) for name in ("Northline", "Volterra"))
    critical = site(northline, 1, risk=0.9, level="critical")
    ordered = site(northline, 2, risk=0.9, level="critical")
    silent = site(volterra, 3, at=timezone.now() - timedelta(minutes=16))
    closed = fleet.work_order(critical)
    WorkOrder.objects.move([closed.pk], "cancelled", NOW)
    fleet.work_order(ordered)
    assert listed("stations_site", state_level="critical") == {str(critical), str(ordered)}
    assert listed("stations_site", attention="unordered") == {str(critical)}
    assert listed("stations_site", silent="yes") == {str(silent)}
    assert listed("stations_site", operator=volterra.pk) == {str(silent)}
    Site.objects.filter(pk=ordered.pk).update(city="Oslo")
    assert listed("stations_site", city="Oslo") == {str(ordered)}
    assert listed("stations_site", state_level="nonsense", operator="x'--") == {
        str(critical),
        str(ordered),
        str(silent),
    }


def test_chargers_are_found_by_state_and_silence(listed):
    here = fleet.site(Operator.objects.create(name="Northline"), 1)
    faulted, never = fleet.charger(here, 1), fleet.charger(here, 2)
    long_ago = {"status": "FAULTED", "last_report_at": timezone.now() - timedelta(hours=1)}
    ChargerState.objects.update_or_create(charger=faulted, defaults=long_ago)
    ChargerState.objects.update_or_create(charger=never, defaults={"last_report_at": None})
    assert listed("stations_charger", state_status="FAULTED") == {str(faulted)}
    assert listed("stations_charger", silent="yes") == {str(faulted)}
    assert listed("stations_charger", silent="never") == {str(never)}


def test_open_orders_are_found(listed):
    here = fleet.site(Operator.objects.create(name="Northline"), 1)
    ended = fleet.work_order(here)
    WorkOrder.objects.move([ended.pk], "cancelled", NOW)
    fresh = fleet.work_order(here)
    assert listed("maintenance_workorder", open="yes") == {fresh.number}
    assert listed("maintenance_workorder", open="no") == {ended.number}


@pytest.mark.django_db
def test_a_charger_says_its_risk_and_why_in_the_list_on_its_page_and_on_the_page_of_its_site(client):
    client.force_login(fleet.person("chief", is_superuser=True))
    here = fleet.site(Operator.objects.create(name="Northline"), 1)
    at_risk, broken, unknown = (fleet.charger(here, number) for number in (1, 2, 3))
    about = {"file_name": "a", "sha256": "0" * 64, "scikit_learn": "1.9", "trained_at": NOW}
    model = ModelVersion.objects.create(**about)
    why = "associated with: 3 soft trips <img>"
    ChargerRisk.objects.create(charger=at_risk, at=NOW, probability=0.876, reason=why, model=model)
    ChargerRisk.objects.create(charger=broken, at=NOW, probability=None, model=model)

    def page(name: str, *args) -> str:
        return client.get(reverse(f"admin:stations_{name}", args=args)).content.decode()

    for text in (page("charger_changelist"), page("site_change", here.pk)):
        assert "88 %" in text
        assert "3 soft trips &lt;img&gt;" in text
    text = page("charger_change", at_risk.pk)
    assert "88 %" in text
    assert "3 soft trips &lt;img&gt;" in text
    assert "does not work now" in page("charger_change", broken.pk)
    assert "not forecast" in page("charger_change", unknown.pk)
