"""The policy lab: the world computes the effect, runs are paired and kept, and figures come with their intervals."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from pricing.lab import asked
from pricing.lab.asked import BadRequest, comparison_of
from pricing.lab.compare import Comparison, LabFailed, compare, rows_of
from pricing.lab.loop import Lived, lab_network, lab_scenario, live, moved_outages
from pricing.lab.measures import PER_PERCENT, interval, report
from pricing.policy import GUARDED, ORIGINAL, POWER_FIRST
from stations import jobs
from stations.access import sync_roles
from stations.models import Job, Operator
from telemetry.simulation.world import World

from . import fleet

SMALL = Comparison((ORIGINAL,), (-0.3,), seeds=2, days=2, sites=20)


@pytest.fixture(scope="module")
def lived() -> dict[str, Lived]:
    """A week of forty sites without a policy and with each."""
    sites = lab_network(40, 3)
    policies = {"none": None, "original": ORIGINAL, "guarded": GUARDED, "power-first": POWER_FIRST}
    return {name: live(sites, policy, -0.3, 3, 7) for name, policy in policies.items()}


def test_a_policy_that_never_acts_changes_nothing_at_all():
    sites = lab_network(20, 1)
    asleep = replace(GUARDED, heat_on_c=500.0, heat_off_c=400.0)
    with_policy, without = live(sites, asleep, -0.3, 1, 3), live(sites, None, -0.3, 1, 3)
    assert with_policy.totals == without.totals
    assert np.array_equal(with_policy.outages, without.outages)


def test_original_is_surged_most_of_the_hours_and_guarded_seldom(lived):
    assert lived["original"].totals["surged_share"] > 0.6
    assert 0 < lived["guarded"].totals["surged_share"] < 0.25
    assert lived["none"].totals["surged_share"] == 0


def test_dearer_hours_sell_less_energy_at_a_higher_price(lived):
    original, none = (lived[name].totals for name in ("original", "none"))
    assert original["energy_mwh"] < 0.97 * none["energy_mwh"]
    assert original["revenue"] > none["revenue"]


def test_more_elastic_drivers_stay_away_more_often():
    sites = lab_network(20, 2)
    energy = [live(sites, ORIGINAL, elasticity, 2, 4).totals["energy_mwh"] for elasticity in (-0.1, -0.76)]
    assert energy[0] > 1.02 * energy[1]


def test_limits_on_power_cool_cabinets_and_hold_energy_back(lived):
    limited, none = (lived[name].totals for name in ("power-first", "none"))
    assert limited["limited_share"] > 0.05
    assert limited["energy_mwh"] < none["energy_mwh"]
    assert limited["outages"] < none["outages"]
    sites = lab_network(20, 1)
    full, half = (World(sites, 20_270, 1, lab_scenario(-0.3)) for _ in range(2))
    for _ in range(60):
        full.advance()
        half.advance(power_share=np.full(20, 0.5))
    assert half.state.cabinet_c.max() < full.state.cabinet_c.max() - 5
    told = [world.journal.take()["sessions"]["kwh"].sum() for world in (full, half)]
    assert told[1] == pytest.approx(0.5 * told[0], rel=0.1)


def test_the_lab_knows_no_notice_and_no_thresholds_of_risk(lived):
    sites = lab_network(20, 1)
    plain = live(sites, ORIGINAL, -0.3, 1, 3).totals
    for other in (replace(ORIGINAL, notice_seconds=3600), replace(ORIGINAL, risk_on=0.05, risk_off=0.01)):
        assert live(sites, other, -0.3, 1, 3).totals == plain


def test_moved_outages_are_those_in_the_day_after_a_discount_beyond_what_happened_anyway():
    discounted = np.zeros((200, 2), bool)
    discounted[10, 0] = True
    outages = np.array([[10, 0], [58, 0], [59, 0], [9, 0], [20, 1]])
    assert moved_outages(Lived({}, outages, discounted), Lived({}, np.array([[30, 0], [100, 0]]), discounted)) == 1
    assert moved_outages(Lived({}, outages, discounted), Lived({}, np.zeros((0, 2), int), discounted)) == 2


def totals(**more) -> dict:
    values = {"outages": 100, "charger_hours": 50_000, "energy_mwh": 1000, "unserved_mwh": 10, "revenue": 400_000,
              "wait_minutes": 2, "surged_share": 0, "limited_share": 0, "moved": 0}  # fmt: skip
    return {**values, **more}


def rows_with(*pairs) -> list[dict]:
    """Rows of seeds 1, 2, ... each with (outages, energy) under a policy, beside 100 outages and 1,000 MWh without."""
    rows = []
    for seed, (outages, energy) in enumerate(pairs, 1):
        rows.append({"seed": seed, "policy": "none", "elasticity": None, "totals": totals()})
        with_policy = totals(outages=outages, energy_mwh=energy, surged_share=0.25)
        rows.append({"seed": seed, "policy": "trial", "elasticity": -0.3, "totals": with_policy})
    return rows


def findings_of(rows) -> dict:
    (group,) = report(rows)
    assert group["seeds"] == len(rows) // 2
    return {one["name"]: one for one in group["findings"]}


def test_differences_are_paired_and_carry_students_interval():
    found = findings_of(rows_with((90, 980), (94, 990), (86, 970)))
    assert found["outages"]["value"] == -10
    # sd 4 over three seeds: 4 / sqrt(3) x 4.303
    assert found["outages"]["high"] == pytest.approx(-10 + 9.937, abs=0.01)
    assert found["energy served"]["value"] == pytest.approx(-2)
    assert found["hours surged"]["value"] == 25
    assert found["outages per 1,000 charger-hours"]["value"] == pytest.approx(-0.2)
    assert found["outages per GWh"]["value"] == pytest.approx(np.mean([90 / 0.98, 94 / 0.99, 86 / 0.97]) - 100)
    assert found["what drivers pay per kWh"]["value"] > 0


def test_outages_per_percent_of_energy_are_a_ratio_of_means_and_said_only_where_energy_is_lost():
    found = findings_of(rows_with((90, 980), (94, 981), (86, 979)))[PER_PERCENT]
    assert found["value"] == pytest.approx(5)
    assert found["low"] < 5 < found["high"]
    unclear = findings_of(rows_with((90, 980), (94, 1020), (86, 1000)))[PER_PERCENT]
    assert unclear["value"] is None


def test_one_seed_has_no_interval():
    assert interval(np.array([3.0])) == {"value": 3.0, "low": None, "high": None}


def told() -> tuple[list, object]:
    seen = []
    return seen, lambda done, total=None, message="": seen.append((done, total))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Where the few runs of these tests are kept, so that none is lived twice."""
    return tmp_path_factory.mktemp("lab")


def test_a_comparison_uses_processes_keeps_each_run_and_goes_on_where_it_was(results):
    seen, progress = told()
    rows = compare(SMALL, results, progress, processes=2)
    assert seen[-1] == (4, 4)
    assert [(row["seed"], row["policy"]) for row in rows] == [
        (1, "none"), (1, "original"), (2, "none"), (2, "original"),
    ]  # fmt: skip
    first = live(lab_network(20, 1), ORIGINAL, -0.3, 1, 2).totals
    assert {name: rows[1]["totals"][name] for name in first} == first, "the same in another process"
    kept = {path: path.stat().st_mtime_ns for path in results.iterdir()}
    lost = SMALL.file(results, 2, ORIGINAL, -0.3)
    lost.unlink()
    assert len(rows_of(SMALL, results)) == 3
    assert compare(SMALL, results, progress, processes=1) == rows
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items() if path != lost)


def test_other_numbers_are_other_runs_but_another_version_with_the_same_numbers_is_not(tmp_path):
    dearer = replace(ORIGINAL, multiplier=Decimal("1.5"))
    files = {SMALL.file(tmp_path, 1, policy, -0.3) for policy in (ORIGINAL, dearer, replace(ORIGINAL, version=7, id=9))}
    assert len(files) == 2
    assert Comparison.from_json(SMALL.to_json()) == SMALL


def test_a_process_that_says_much_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    loud = "import sys; sys.stderr.write('word ' * 100_000 + chr(10) + 'MuchError: the end'); sys.exit(3)"
    start = lambda *given: subprocess.Popen([sys.executable, "-c", loud], stderr=given[-1], text=True)  # noqa: E731
    monkeypatch.setattr("pricing.lab.compare._start", start)
    with pytest.raises(LabFailed, match=r"^MuchError: the end$"):
        compare(SMALL, tmp_path, lambda *_: None, processes=1)


def test_a_process_that_fails_is_told(tmp_path):
    broken = replace(SMALL, elasticities=("much",), seeds=1)
    with pytest.raises(LabFailed, match=r"\w+Error"):
        compare(broken, tmp_path, lambda *_: None, processes=1)


LAB_SEEDS = int(os.environ.get("LAB_SEEDS", "0"))


@pytest.mark.skipif(LAB_SEEDS < 2, reason="many worlds: only in `make deep`")
def test_heat_and_a_cap_avoid_more_outages_per_percent_of_energy_than_the_original_policy(tmp_path):
    # Without alternative, rest and daily limits, so that fewer than twenty worlds suffice to tell it from nothing.
    bare = {"needs_alternative": False, "changes_per_day": None, "surge_seconds_per_day": None, "cool_down_seconds": 0}
    capped = replace(GUARDED, name="capped", discount=Decimal(1), **bare)
    rows = compare(Comparison((ORIGINAL, capped), (-0.2,), LAB_SEEDS, 60, 150), tmp_path, lambda *_: None)
    found = {group["policy"]: {one["name"]: one for one in group["findings"]} for group in report(rows)}
    assert found["original"]["hours surged"]["value"] > 60
    assert found["capped"]["hours surged"]["value"] < 50
    assert found["capped"][PER_PERCENT]["value"] > found["original"][PER_PERCENT]["high"] > 0
    for each in found.values():
        assert each["outages"]["high"] < 0
        assert each["revenue"]["low"] > 0


# --- the command, the job and the page --------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"policies": ["none"]}, "Name a policy"),
        ({"policies": ["none", "wild"]}, "There is no policy 'wild'; there are none, guarded, original, power-first"),
        ({"elasticities": [0.2]}, "Each elasticity must be below 0"),
        ({"elasticities": [-0.1] * 11}, "elasticities: name 10 at most, not 11"),
        ({"seeds": 1}, "seeds must be 2 to 200"),
        ({"days": 400}, "days must be 2 to 366"),
        ({"sites": 5}, "sites must be 20 to 1000"),
    ],
)
def test_a_comparison_that_cannot_be_is_refused_in_words(more, words):
    good = {"policies": ["none", "original"], "elasticities": [-0.3], "seeds": 2, "days": 2, "sites": 20}
    assert comparison_of(**good).policies[0].name == "original"
    with pytest.raises(BadRequest, match=words):
        comparison_of(**{**good, **more})


@pytest.fixture
def kept_there(results, monkeypatch):
    monkeypatch.setattr(asked, "results_folder", lambda: results)


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
def test_ops_compare_policies_in_a_job_and_see_what_came_of_it(client, kept_there):
    sync_roles()
    client.force_login(fleet.person("ops", "ops", Operator.objects.create(name="Northline")))
    page = reverse("policy-lab")
    assert b"No policies have been compared" in client.get(page).content
    form = {"policies": "none original", "elasticities": "-0.3", "seeds": 2, "days": 2, "sites": 20}
    assert b"below 0" in client.post(page, {**form, "elasticities": "high"}).content
    assert b"sites must be 20" in client.post(page, {**form, "sites": 3}).content
    assert client.post(page, form).status_code == 302
    job = Job.objects.get()
    assert jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.done, job.total) == ("done", 4, 4), job.message
    json.dumps(job.result, allow_nan=False)
    shown = client.get(page).content.decode()
    assert "original, -0.3" in shown
    assert "Hours surged" in shown
    assert "<svg" in shown
    assert "2 worlds of 20 sites and 2 days" in shown


@pytest.mark.django_db
def test_who_sees_no_policies_sees_no_lab_and_a_viewer_starts_nothing(client):
    sync_roles()
    mine = Operator.objects.create(name="Northline")
    for role, sees in (("technician", False), ("viewer", True)):
        client.force_login(fleet.person(role, role, mine))
        assert client.get(reverse("policy-lab")).status_code == (200 if sees else 403)
        form = {"policies": "original", "elasticities": "-0.3", "seeds": 2, "days": 2, "sites": 20}
        assert client.post(reverse("policy-lab"), form).status_code == 403
    assert not Job.objects.exists()


@pytest.mark.django_db
def test_the_command_prints_every_measure_and_the_lab_shows_it(kept_there, capsys):
    small = {"elasticity": [-0.3], "seeds": 2, "days": 2, "sites": 20, "policies": ["none", "original"]}
    call_command("compare_policies", **small)
    out = capsys.readouterr().out
    assert "original, elasticity -0.3, 2 seeds" in out
    assert "outages avoided per 1 % of energy" in out
    assert Job.objects.get().state == "done"
    with pytest.raises(CommandError, match="There is no policy"):
        call_command("compare_policies", **{**small, "policies": ["wild"]})
