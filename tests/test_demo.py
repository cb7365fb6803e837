"""The demo network: its people and places are made once, and its history is lengthened without touching the rest."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from maintenance.models import Part, ServiceCentre, Stock, Technician, WorkOrder
from sntry_site import demo, demo_crews
from sntry_site.generated_history import KINDS
from stations import jobs
from stations.access import operator_ids, sync_roles
from stations.models import Job, Operator, Site
from telemetry.models import ChargingSession, Outage, Reading, SoftEvents, StatusReport
from telemetry.risk.taxonomy import REPAIRS

pytestmark = pytest.mark.django_db
END = "2026-03-10T12:00"


@pytest.fixture
def private_folder(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    return tmp_path


def test_each_role_gets_a_user_with_a_random_password_kept_for_the_owner_only(private_folder):
    sync_roles()
    passwords = demo.create_users()
    assert set(passwords) == {"admin", "ops", "dispatcher", "technician", "viewer"}
    assert len(set(passwords.values())) == 5
    assert all(len(password) >= 16 for password in passwords.values())
    kept = private_folder / "demo_users.txt"
    assert kept.stat().st_mode & 0o777 == 0o600
    for name, password in passwords.items():
        user = get_user_model().objects.get(username=name)
        assert user.check_password(password)
        assert f"{name:<12} {password}\n" in kept.read_text()
        assert [group.name for group in user.groups.all()] == ([] if name == "admin" else [name])
    assert get_user_model().objects.get(is_superuser=True).username == "admin"


def test_where_people_are_already_nobody_is_added(private_folder):
    get_user_model().objects.create_user("somebody")
    assert demo.create_users() == {}
    assert not (private_folder / "demo_users.txt").exists()


def test_two_service_centres_a_city_are_made_once_with_people_and_parts_for_every_cause(private_folder):
    sync_roles()
    demo.create_users()
    for _ in range(2):
        demo_crews.create_service_centres()
        demo_crews.create_parts()
    assert ServiceCentre.objects.count() == 2 * 15
    assert Technician.objects.count() == 4 * 15
    assert Technician.objects.get(user__username="technician").code == "SEA-2"
    for repair in REPAIRS:
        part = Part.objects.get(name=repair.part)
        assert part.stock.filter(centre__isnull=False, quantity__gt=part.reorder_point).count() == 30
        able = [person.region for person in Technician.objects.all() if person.can(repair.skill)]
        assert len(set(able)) == 15, "somebody in every city"
    for stock in Stock.objects.prefetch_related("movements"):
        assert stock.quantity == sum(movement.pieces for movement in stock.movements.all())


def test_demo_users_see_the_simulated_operators_and_no_others(private_folder):
    sync_roles()
    demo.create_users()
    simulated = Operator.objects.create(name="Northline Charging", is_simulated=True)
    Operator.objects.create(name="A real one")
    demo.grant_memberships()
    demo.grant_memberships()
    assert operator_ids(get_user_model().objects.get(username="viewer")) == {simulated.pk}


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
def test_history_that_is_not_there_cannot_be_extended():
    demo.queue_learning()
    job = Job.objects.get(kind="extend_history")
    assert jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.message) == ("failed", "There is no generated history that could be extended.")


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
def test_longer_history_goes_in_front_and_changes_nothing_that_is_there(private_folder):
    call_command("generate_history", sites=2, days=2, seed=demo.SEED, end=END, scenario="plain", load=True, verbosity=0)
    before = list(Reading.objects.order_by("site", "at").values())
    demo.queue_learning()
    job = Job.objects.get(kind="extend_history")
    job.parameters.update(days=5, scenario="plain", then="")
    job.save()
    assert jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result) == ("done", {"days": 3}), job.message
    assert list(Reading.objects.filter(at__gte=before[0]["at"]).order_by("site", "at").values()) == before
    assert Reading.objects.count() == 2 * (5 * 48 + 1)
    assert Site.objects.count() == 2
    demo.queue_learning()
    assert Job.objects.filter(kind="extend_history").count() == 1


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
def test_a_world_is_lived_again_for_its_longer_history_and_fits_without_a_seam(private_folder, monkeypatch, capsys):
    monkeypatch.setattr(demo, "SCENARIO", "poor")
    monkeypatch.setattr(demo, "FULL_HISTORY_DAYS", 6)
    call_command(*demo.history_arguments(sites=4, days=2), end=END)
    models = (Reading, Outage, SoftEvents, ChargingSession, WorkOrder)
    short = [model.objects.count() for model in models]
    demo.queue_learning()
    job = Job.objects.get(kind="extend_history")
    job.parameters.update(then="")
    job.save()
    assert jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result) == ("done", {"days": 4}), job.message
    assert all(model.objects.count() > before for model, before in zip(models, short, strict=True))
    spanning = Outage.objects.filter(started_at__lt=datetime(2026, 3, 8, 11, 30, tzinfo=UTC))
    assert spanning.filter(ended_at__gt=datetime(2026, 3, 8, 12, tzinfo=UTC)).exists()
    capsys.readouterr()
    whole = {"sites": 4, "days": 6, "seed": demo.SEED, "scenario": "poor", "end": END}
    call_command("generate_history", load=True, extras=",".join(KINDS), **whole)
    assert capsys.readouterr().out.count("0 new, 0 changed") == 1 + len(KINDS)


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
def test_a_first_start_that_was_cut_short_is_completed_by_the_longer_history(private_folder):
    call_command("generate_history", sites=2, days=2, seed=demo.SEED, end=END, load=True, verbosity=0)
    StatusReport.objects.all().delete()
    job = jobs.enqueue("extend_history", {"days": 2, "seed": demo.SEED, "scenario": "typical"})
    assert jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result) == ("done", {"days": 0}), job.message
    assert StatusReport.objects.filter(status="CHARGING").exists()
    assert ChargingSession.objects.exists()


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
def test_a_first_start_that_is_repeated_with_fewer_sites_gets_no_more_by_its_longer_history(private_folder):
    jobs.enqueue("extend_history", {"sites": 3, "days": 2, "seed": demo.SEED})
    call_command("generate_history", sites=1, days=1, seed=demo.SEED, end=END, scenario="plain", load=True, verbosity=0)
    job = Job.objects.get()
    assert jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result, Site.objects.count()) == ("done", {"days": 1}, 1), job.message


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
def test_history_that_is_longer_already_is_extended_by_no_days(private_folder):
    call_command("generate_history", sites=1, days=3, seed=demo.SEED, end=END, scenario="plain", load=True, verbosity=0)
    job = jobs.enqueue("extend_history", {"sites": 1, "days": 1, "seed": demo.SEED})
    assert jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result) == ("done", {"days": 0}), job.message
