"""What the answers add up, leave out, and say of how sure they are."""

import io
import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from stations.models import Job, Operator
from telemetry.analyses.questions import ask
from telemetry.analyses.scope import Scope
from telemetry.jobs import answer_reliability
from telemetry.models import ChargingSession, StatusReport
from telemetry.reliability import seasonality
from telemetry.reliability.hotspots import adjusted_p_values, benjamini_hochberg, spread_of_rates
from telemetry.reliability.seasonality import forecast_daily

from . import fleet
from .reliability_network import DAYS, END, START, live_through

HOUR = timedelta(hours=1)
WHOLE = Scope(START, END)


def used(operator: Operator, *, kwh: float = 20, success: bool | None = True, count: int = 12):
    """A charger that charged cars, one a day, and was out for half a day."""
    one = fleet.charger(fleet.site(operator, 1, charger_type="Level 2"), 1)
    reports, sessions = [(START, "AVAILABLE"), (START + 30 * HOUR, "FAULTED"), (START + 42 * HOUR, "AVAILABLE")], []
    for day in range(2, 2 + count):
        begin = START + timedelta(days=day)
        reports += [(begin, "CHARGING"), (begin + HOUR, "AVAILABLE")]
        sessions.append(ChargingSession(charger=one, started_at=begin, ended_at=begin + HOUR, energy_kwh=kwh))
        sessions[-1].success = success
    StatusReport.objects.record([one.pk] * len(reports), *zip(*reports, strict=True))
    ChargingSession.objects.bulk_create(sessions)
    return one


@pytest.mark.django_db
def test_margins_of_different_currencies_are_not_added_up():
    for name, currency in (("Volta", "USD"), ("Nordlys", "EUR")):
        used(Operator.objects.create(name=name, currency=currency))
    answer = ask("cost", WHOLE)
    assert "in 2 currencies, which are not added up" in answer.sentence
    lost = {one.unit: one.value for one in answer.figures if one.label == "Margin lost"}
    assert set(lost) == {"USD", "EUR"}
    assert lost["USD"] == pytest.approx(lost["EUR"])
    alone = ask("cost", Scope(START, END, (Operator.objects.get(name="Nordlys").pk,)))
    assert "EUR of margin" in alone.sentence


@pytest.mark.django_db
def test_sessions_of_unknown_success_are_a_category_of_their_own():
    volta = Operator.objects.create(name="Volta")
    one = used(volta)
    ChargingSession.objects.filter(started_at__gte=START + timedelta(days=8)).update(success=None)  # 6 of 12
    answer = ask("attempts", WHOLE)
    assert "100.0 % of 6 attempts" in answer.sentence
    assert "Of 6 more it is not known whether they did." in answer.sentence
    assert answer.table["unknown"].tolist() == [6]
    assert any("Of 6 of 12 sessions it is not known" in note for note in ask("cost", WHOLE).notes)
    ChargingSession.objects.filter(charger=one).update(success=None)
    assert ask("attempts", WHOLE).sentence == "Of 12 attempts to charge it is not known whether they succeeded."


@pytest.mark.django_db
def test_the_federal_minutes_count_outages_below_a_minute_too():
    one = fleet.charger(fleet.site(Operator.objects.create(name="Volta"), 1))
    seconds = [("AVAILABLE", 0), ("FAULTED", 3600), ("AVAILABLE", 3630), ("FAULTED", 7200), ("AVAILABLE", 7320)]
    StatusReport.objects.record(
        [one.pk] * 5, [START + timedelta(seconds=at) for _, at in seconds], [status for status, _ in seconds]
    )
    assert ask("uptime", WHOLE).table["outage minutes"].tolist() == [2.5]


@pytest.mark.django_db
def test_few_chargers_are_said_to_make_intervals_rough():
    live_through(Operator.objects.create(name="Volta"), 2, seed=1)
    told = ask("changes", WHOLE).notes
    assert any("rest on 6 chargers: with fewer than 20 they are rough" in note for note in told)
    assert any("Student's t on 1 degrees" in note for note in ask("failures", WHOLE).notes)


@pytest.mark.django_db
def test_the_report_of_a_month_marks_the_parts_whose_newer_answer_failed(client):
    client.force_login(User.objects.create_superuser("boss", password="a long word"))
    one = used(Operator.objects.create(name="Volta"))
    address = reverse("reliability-report", args=[one.site.operator_id]) + "?month=2026-03"
    client.get(address)
    for job in Job.objects.all():
        answer_reliability(job, lambda done, total=None, message="": None)
    Job.objects.update(state=Job.State.DONE)
    assert "Old: the rows" not in client.get(address).content.decode()
    StatusReport.objects.record([one.pk], [START + 50 * HOUR], ["FAULTED"])
    client.get(address)
    Job.objects.exclude(state=Job.State.DONE).update(
        state=Job.State.FAILED, message="Given up.", finished_at=timezone.now()
    )
    body = client.get(address).content.decode()
    assert body.count("and a newer answer could not be made: Given up.") == 2  # charging success, and cost


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"days": 9_999_999}, "must be a whole number"),
        ({"days": 800}, "1 to 731 days long, not 800"),
        ({"days": -3}, "must be a whole number"),
        ({"days": 0}, "1 to 731 days"),
        ({"to": "9999-12-31"}, "this century"),
        ({"to": "0001-01-01"}, "this century"),
        ({"to": "soon"}, "YYYY-MM-DD"),
        ({"site": "a\0"}, "“site” must be the ID"),
        ({"type": "nope"}, "“type” must be one of"),
        ({"operator": "a\0"}, "There is no operator"),
        ({"option": ["washout"]}, "NAME=VALUE"),
        ({"option": ["washout=abc"]}, "must be a number from 0 on"),
        ({"option": ["washout=-1"]}, "must be a number from 0 on"),
        ({"option": ["at=x"]}, "YYYY-MM-DD"),
        ({"option": ["speed=1"]}, "has no option 'speed'"),
    ],
)
def test_odd_options_of_the_command_get_one_clear_sentence(options, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("reliability", "changes", **options)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("question", "option"),
    [
        ("changes", "washout=999999"),
        ("changes", "at=1990-01-01"),
        ("cost", "recapture=7"),
        ("cost", "margin=999999"),
        ("attempts", "least_kwh=999999"),
        ("alerts", "missed_cost=0"),
        ("rollout", "treated=,,="),
    ],
)
def test_options_far_off_are_answered_or_refused_in_a_sentence(question, option):
    used(Operator.objects.create(name="Volta"))
    told = io.StringIO()
    call_command("reliability", question, days=DAYS, to=f"{END:%Y-%m-%d}", option=[option], format="json", stdout=told)
    sentence = json.loads(told.getvalue())["sentence"]
    assert sentence[0].isupper() or sentence[0].isdigit()
    assert sentence.endswith(".")


def test_corrected_p_values_reject_what_benjamini_and_hochberg_reject():
    p = np.random.default_rng(1).uniform(size=40) ** 3
    assert ((adjusted_p_values(p) <= 0.05) == benjamini_hochberg(p, 0.05).rejected).all()
    assert adjusted_p_values([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert len(adjusted_p_values([])) == 0


def test_the_interval_of_how_much_chargers_differ_contains_the_truth_as_often_as_it_says():
    random, hits = np.random.default_rng(2), 0
    for _ in range(200):
        expected = random.uniform(1, 6, 150)
        found = spread_of_rates(random.poisson(expected * random.gamma(4, 1 / 4, 150)), expected)  # spread 1/2
        hits += found.ci_low <= 0.5 <= found.ci_high
    assert 180 <= hits <= 198
    alike = spread_of_rates([4, 5, 6, 5], [5, 5, 5, 5])
    assert (alike.estimate, alike.ci_low) == (0, 0)


def test_the_interval_of_a_fortnights_outages_contains_them_as_often_as_it_says():
    random, days = np.random.default_rng(3), pd.date_range("2026-01-01", periods=98, freq="D")
    usual, inside = np.where(days.day_of_week >= 5, 12.0, 20.0), 0
    for _ in range(150):
        counts = random.poisson(usual)
        low, high = seasonality._by_poisson(pd.Series(counts[:84], days[:84]), 14)[-1]
        inside += low <= counts[84:].sum() <= high
    assert 135 <= inside <= 149
    found = forecast_daily(pd.Series(counts[:84], days[:84]))
    assert found.total_ci[0] < found.forecast["mean"].sum() < found.total_ci[1]
