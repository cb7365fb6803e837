"""The reliability pages, their files and the command: what they say, to whom, and when they say it anew."""

import csv
import io
import json
from datetime import timedelta

import openpyxl
import pandas as pd
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.urls import reverse

from stations.access import sync_roles
from stations.models import Job, Operator
from telemetry.analyses import store
from telemetry.analyses.answer import Answer, Figure, in_words
from telemetry.analyses.inputs import Inputs
from telemetry.analyses.questions import BY_SLUG, QUESTIONS, ask
from telemetry.analyses.scope import Scope, last_whole_day
from telemetry.analyses.store import input_version
from telemetry.analyses.tables import as_csv, as_xlsx
from telemetry.jobs import answer_reliability
from telemetry.models import Outage, ReliabilityAnswer, StatusReport
from telemetry.reliability.spells import outage_spells

from . import fleet
from .reliability_network import DAYS, END, START, live_through

pytestmark = pytest.mark.django_db
WHOLE = Scope(START, END)


@pytest.fixture
def volta():
    sync_roles()
    operator = Operator.objects.create(name="Volta")
    live_through(operator, 8, seed=1)
    return operator


@pytest.fixture
def busy_volta():
    sync_roles()
    operator = Operator.objects.create(name="Volta")
    live_through(operator, 8, seed=1, is_used=True)
    return operator


@pytest.fixture
def boss(client):
    client.force_login(User.objects.create_superuser("boss", password="a long word"))


def do(job: Job) -> None:
    """The work of a job, without the worker."""
    answer_reliability(job, lambda done, total=None, message="": None)
    Job.objects.filter(pk=job.pk).update(state=Job.State.DONE)


def page(client, slug: str, **values):
    query = {"to": f"{END:%Y-%m-%d}", "days": DAYS, **values}
    return client.get(reverse("reliability-question", args=[slug]), query)


def test_every_question_is_answered_with_figures_a_plot_and_a_table(busy_volta):
    sites = [f"{busy_volta.pk}-{number:05}" for number in range(3)]
    for question in QUESTIONS:
        options = {"treated": ",".join(sites)} if question.slug == "rollout" else {}
        answer = ask(question.slug, Scope(START, END, options=options))
        assert not answer.cannot, (question.slug, answer.sentence)
        assert answer.sentence.endswith(".")
        assert answer.figures
        assert len(answer.table)
        assert answer.plots or question.slug == "rollout"
        for one in answer.figures:
            assert one.interval or one.no_interval, (question.slug, one.label)
        kept = Answer.from_json(json.loads(json.dumps(answer.as_json())))
        assert [one.said for one in kept.figures] == [one.said for one in answer.figures]
        assert len(kept.table) == len(answer.table)


def test_sites_of_a_roll_out_may_have_days_of_their_own(volta):
    sites = [f"{volta.pk}-{number:05}" for number in range(4)]
    days = ["2026-03-20", "2026-03-20", "2026-04-01", "2026-04-01"]
    told = ", ".join(f"{site}={day}" for site, day in zip(sites, days, strict=True))
    answer = ask("rollout", Scope(START, END, options={"treated": told}))
    assert answer.table["day"].tolist() == ["2026-03-20", "2026-04-01"]
    assert "percentage points" in answer.sentence
    for mixed in (f"{sites[0]}=2026-03-20, {sites[1]}", f"{sites[0]}=soon"):
        assert "every site needs one" in ask("rollout", Scope(START, END, options={"treated": mixed})).sentence


def test_without_data_every_question_says_so_in_a_sentence(client, boss):
    for question in QUESTIONS:
        assert page(client, question.slug).status_code == 200, question.slug
        answer = ask(question.slug, WHOLE)
        assert answer.cannot, question.slug
        assert answer.sentence[0].isupper()
        assert answer.sentence.endswith(".")


def test_the_spells_of_the_table_are_those_of_the_reports(volta):
    inputs = Inputs(WHOLE)
    reports = StatusReport.objects.values_list("charger_id", "reported_at", "status")
    frame = pd.DataFrame(list(reports), columns=["charger_id", "time", "status"])
    expected = outage_spells(frame, START, END)
    found = inputs.spells.sort_values(["charger_id", "start"]).reset_index(drop=True)
    for name in ("charger_id", "start", "end", "left_censored", "right_censored"):
        assert (found[name].to_numpy() == expected[name].to_numpy()).all(), name


def test_a_charger_that_starts_anew_for_half_a_minute_has_no_outage():
    one = fleet.charger(fleet.site(Operator.objects.create(name="Volta"), 1))
    seconds = [("AVAILABLE", 0), ("FAULTED", 3600), ("AVAILABLE", 3640), ("FAULTED", 7200), ("AVAILABLE", 7320)]
    StatusReport.objects.record(
        [one.pk] * 5, [START + timedelta(seconds=at) for _, at in seconds], [status for status, _ in seconds]
    )
    assert Outage.objects.count() == 2
    assert len(Inputs(WHOLE).spells) == 1


def test_filters_narrow_what_is_asked_about(volta):
    whole, level_2 = Inputs(WHOLE).chargers, Inputs(Scope(START, END, charger_type="Level 2")).chargers
    assert (len(whole), len(level_2)) == (24, 12)
    assert len(Inputs(Scope(START, END, site=f"{volta.pk}-00003")).chargers) == 3
    assert Inputs(Scope(START, END, operators=())).chargers.empty


def test_a_page_says_its_answer_and_folds_its_method(client, volta, boss):
    body = page(client, "failures").content.decode()
    assert "A charger fails once in" in body
    assert "Mean time between failures" in body
    assert '<details class="card method">' in body
    assert "exact chi-square interval" in body
    assert body.count('<figure class="plot">') == 3


def test_the_addresses_of_all_pages_keep_the_filters(client, volta, boss):
    body = page(client, "failures", type="Level 2", operator=volta.pk).content.decode()
    assert f"/reliability/hotspots/?days=60&amp;to=2026-04-30&amp;operator={volta.pk}&amp;type=Level+2" in body


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"days": "many"}, "must be a whole number"),
        ({"days": 0}, "1 to 731 days"),
        ({"to": "yesterday"}, "YYYY-MM-DD"),
        ({"type": "Steam"}, "must be one of"),
        ({"washout": "-1"}, "must be a number"),
        ({"at": "soon"}, "YYYY-MM-DD"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused_in_a_sentence(client, boss, values, sentence):
    answer = page(client, "changes", **values)
    assert answer.status_code == 400
    assert sentence in answer.content.decode()


def test_people_see_their_own_operators_only(client, volta):
    other = Operator.objects.create(name="Other")
    live_through(other, 2, seed=2)
    client.force_login(fleet.person("olga", "ops", other))
    body = page(client, "hotspots").content.decode()
    assert "of 6 chargers" in body
    assert f"{volta.pk}-00001" not in body
    assert page(client, "hotspots", operator=volta.pk).status_code == 404
    assert client.get(reverse("reliability-report", args=[volta.pk])).status_code == 404
    assert client.get(reverse("reliability-report", args=[other.pk])).status_code == 200
    assert f"{volta.pk}-00001" not in page(client, "hotspots", format="csv").content.decode()


def test_only_staff_may_look(client, volta):
    assert page(client, "failures").status_code == 302
    client.force_login(User.objects.create_user("driver", password="a long word"))
    for address in (reverse("reliability"), reverse("reliability-report", args=[volta.pk])):
        assert client.get(address).status_code == 403
    assert page(client, "failures").status_code == 403


def test_an_answer_is_kept_until_its_rows_change(client, volta, boss):
    page(client, "failures")
    first = ReliabilityAnswer.objects.get(question="failures")
    page(client, "failures")
    assert ReliabilityAnswer.objects.get().computed_at == first.computed_at
    Outage.objects.mark_excluded([Outage.objects.first().pk], "vandalism", "photo 7")
    page(client, "failures")
    second = ReliabilityAnswer.objects.get()
    assert second.computed_at > first.computed_at
    one = Outage.objects.first().charger_id
    StatusReport.objects.record([one], [END + timedelta(hours=1)], ["FAULTED"])
    page(client, "failures")
    assert (
        ReliabilityAnswer.objects.get().computed_at == second.computed_at
    )  # what came after the period does not count


def test_reports_that_come_late_change_the_version_of_their_period(volta):
    before = input_version(WHOLE)
    one = Outage.objects.first().charger_id
    StatusReport.objects.record([one], [END - timedelta(minutes=3)], ["OFFLINE"])
    assert input_version(WHOLE) != before


def test_a_heavy_question_is_answered_by_one_job(client, busy_volta, boss):
    body = page(client, "load").content.decode()
    assert "The answer is being made." in body
    assert "hx-get" in body
    page(client, "load", part="answer")
    job = Job.objects.get()
    assert page(client, "load", format="csv").status_code == 409
    do(job)
    body = page(client, "load").content.decode()
    assert "hazard ratio" in body
    assert "The answer is being made." not in body
    part = page(client, "load", part="answer").content.decode()
    assert "hazard ratio" in part
    assert "<html" not in part
    assert Job.objects.count() == 1


def test_the_usual_period_is_answered_by_night_for_everybody_who_may_look(client, volta, boss, monkeypatch):
    monkeypatch.setattr("telemetry.analyses.store.BY_SLUG", {slug: BY_SLUG[slug] for slug in ("failures", "rollout")})
    other = Operator.objects.create(name="Other")
    live_through(other, 1, seed=2)
    fleet.person("olga", "ops", other)
    fleet.person("otto", "ops", other)
    fleet.person("new", "ops")
    assert store.prepare(END + timedelta(hours=1)) == 2  # of all operators for the boss, of the other for both
    assert store.prepare(END + timedelta(hours=1)) == 0
    assert {len(row.scope["operators"] or []) for row in ReliabilityAnswer.objects.all()} == {0, 1}


def test_one_site_alone_is_answered_with_intervals_by_charger(busy_volta):
    scope = Scope(START, END, site=f"{busy_volta.pk}-00001")
    for slug in ("failures", "attempts"):
        answer = ask(slug, scope)
        assert not answer.cannot, answer.sentence
        for one in answer.figures:
            assert one.low is None or one.low < one.high, (slug, one.label)
    assert "by 3 sites or chargers" in ask("attempts", scope).figures[0].note


def chargers_that(kind: str) -> None:
    """A network of one charger, or of five that are all down or never down, for sixty days."""
    at = fleet.site(Operator.objects.create(name="Volta"), 1, charger_type="Level 2")
    ids = [fleet.charger(at, number).pk for number in range(1 if kind == "one charger" else 5)]
    reports = [(one, START, "FAULTED" if kind == "all down" else "AVAILABLE") for one in ids]
    if kind == "one charger":
        reports += [(ids[0], START + timedelta(days=30), "OFFLINE"), (ids[0], START + timedelta(days=31), "AVAILABLE")]
    StatusReport.objects.record(*zip(*reports, strict=True))


@pytest.mark.parametrize("kind", ["one charger", "all down", "never down"])
def test_odd_networks_get_answers_or_sentences_on_every_page(client, boss, kind):
    chargers_that(kind)
    for question in QUESTIONS:
        answer = ask(question.slug, WHOLE)
        assert not answer.sentence[0].islower(), question.slug
        assert answer.sentence.endswith("."), question.slug
        assert answer.cannot or answer.figures, question.slug
        assert page(client, question.slug).status_code == 200, question.slug
    body = page(client, "uptime").content.decode()
    assert {"one charger": "0 of 1 ports", "all down": "0 of 5 ports", "never down": "5 of 5 ports"}[kind] in body


def test_a_job_that_failed_is_said_and_not_asked_for_again(client, volta, boss):
    page(client, "load")
    Job.objects.update(state=Job.State.FAILED, message="Given up.")
    body = page(client, "load").content.decode()
    assert "The answer could not be made: Given up." in body
    assert Job.objects.count() == 1


def test_files_hold_the_whole_table_and_no_formulas(client, boss):
    operator = Operator.objects.create(name="Volta")
    at = fleet.site(operator, 1)
    names = ["=HYPERLINK(1)", "+1", "@x", "-2", "plain"]
    for place, name in enumerate(names):
        one = fleet.charger(at, place)
        type(one).objects.filter(pk=one.pk).update(external_id=name)
        StatusReport.objects.record([one.pk] * 2, [START, START + timedelta(hours=place + 1)], ["AVAILABLE", "FAULTED"])
    rows = list(csv.reader(io.StringIO(page(client, "hotspots", format="csv").content.decode("utf-8-sig"))))
    assert sorted(row[0] for row in rows[1:]) == sorted(["'=HYPERLINK(1)", "'+1", "'@x", "'-2", "plain"])
    book = openpyxl.load_workbook(io.BytesIO(page(client, "hotspots", format="xlsx").content))
    cells = list(book.worksheets[0].iter_rows(min_row=2, max_col=1))
    assert {cell.data_type for (cell,) in cells} == {"s"}
    assert book.worksheets[1]["A1"].value == "Which chargers fail more often than luck explains?"


def test_the_report_of_a_month_is_one_page_of_all_parts(client, busy_volta, boss):
    address = reverse("reliability-report", args=[busy_volta.pk])
    body = client.get(address, {"month": "2026-04"}).content.decode()
    assert "Volta: reliability in April 2026" in body
    assert "This part is being made" in body
    for job in Job.objects.all():
        do(job)
    body = client.get(address, {"month": "2026-04"}).content.decode()
    assert "This part is being made" not in body
    assert body.count('class="card part"') == 5
    assert client.get(address, {"month": "soon"}).status_code == 400


def test_hostile_names_stay_text(client, boss):
    operator = Operator.objects.create(name="<script>alert(1)</script>")
    live_through(operator, 1, seed=3)
    hostile = "<img src=x onerror=alert(1)>"
    operator.sites.update(external_id=hostile, charger_type="Level 2")
    for slug in ("failures", "hotspots", "uptime"):
        body = page(client, slug).content.decode()
        assert hostile not in body
        assert "<script>alert(1)" not in body


def test_pages_cost_few_queries_however_many_chargers_there_are(client, volta, boss, django_assert_max_num_queries):
    page(client, "failures")
    with django_assert_max_num_queries(8):
        page(client, "failures")
    with django_assert_max_num_queries(6):
        client.get(reverse("reliability"))


def test_the_command_gives_the_numbers_of_the_page_in_three_ways(client, volta, boss, capsys):
    call_command("reliability", "failures", days=DAYS, to=f"{END:%Y-%m-%d}", format="json")
    told = json.loads(capsys.readouterr().out)
    shown = Answer.from_json(ReliabilityAnswer.objects.get().answer)
    assert told["figures"][0]["value"] == shown.figures[0].value
    assert shown.figures[0].said in page(client, "failures").content.decode()
    call_command("reliability", "failures", days=DAYS, to=f"{END:%Y-%m-%d}", format="csv")
    assert capsys.readouterr().out.startswith("of,name,chargers")
    call_command("reliability", "failures", days=DAYS, to=f"{END:%Y-%m-%d}")
    assert shown.sentence in capsys.readouterr().out
    with pytest.raises(CommandError, match="no operator 'Nobody'"):
        call_command("reliability", "failures", operator="Nobody")
    with pytest.raises(CommandError, match="has no option 'speed'"):
        call_command("reliability", "failures", option=["speed=1"])


def test_a_period_ends_with_the_last_day_that_is_known(volta):
    one = Outage.objects.first().charger_id
    StatusReport.objects.record([one], [END - timedelta(minutes=30)], ["AVAILABLE"])
    assert last_whole_day(END + timedelta(days=90)) == END
    assert last_whole_day(START + timedelta(days=3, hours=5)) == START + timedelta(days=3)


@pytest.mark.parametrize(
    ("value", "said"),
    [(1234.5, "1,234"), (12.345, "12.3"), (0.01234, "0.0123"), (0.0, "0"), (float("inf"), "no bound"), (None, "–"),
     (0.00001234, "1.2e-05"), (-3.14159, "-3.14")],
)  # fmt: skip
def test_numbers_are_said_with_the_digits_that_count(value, said):
    assert in_words(value) == said


def test_a_table_without_rows_is_a_file_with_a_head():
    answer = Answer("Nothing.", [Figure("n", float("nan"))])
    assert answer.figures[0].said == "–"
    assert as_csv(answer.table.reindex(columns=["a"])) == b"\xef\xbb\xbfa\r\n"
    assert as_xlsx(answer.table.reindex(columns=["a"]), "", [])
