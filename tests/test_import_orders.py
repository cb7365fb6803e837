"""Files of closed work orders become orders with their incidents and steps, whole or not at all."""

from datetime import UTC, datetime

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from maintenance.models import Incident, WorkOrder, WorkOrderChange
from stations import jobs
from stations.models import Charger, Job, Operator, Site

pytestmark = pytest.mark.django_db
HEADER = (
    "opened_at,dispatched_at,arrived_at,closed_at,charger_id,suspected_cause,cause,part,waited_for_parts,onsite_minutes"
)
TURNS = "2025-07-01 08:00,2025-07-01 09:00,2025-07-02 10:00,2025-07-02 11:30"
FIRST = f"{TURNS},A,firmware_hang,power_module,rectifier,true,90"
SECOND = "2025-07-03 08:00,2025-07-03 08:00,2025-07-03 08:00,2025-07-03 09:00,A,,grid_supply,,false,"


@pytest.fixture
def charger():
    operator = Operator.objects.create(name="Known")
    here = Site.objects.create(operator=operator, external_id="K1", name="Known site")
    return Charger.objects.create(site=here, external_id="A")


def orders_file(path, *lines, header=HEADER):
    path.write_text("\n".join([header, *lines, ""]))
    return str(path)


def everything() -> list[list[dict]]:
    return [list(model.objects.order_by("pk").values()) for model in (Incident, WorkOrder, WorkOrderChange)]


def test_an_order_has_what_was_suspected_what_was_found_its_incident_and_its_steps(tmp_path, charger):
    call_command("import_orders", orders_file(tmp_path / "o.csv", FIRST, SECOND), verbosity=0)
    second, first = WorkOrder.objects.select_related("incident")
    assert (first.charger, first.site, first.state) == (charger, charger.site, "closed")
    assert (first.cause, first.found_cause) == ("firmware_hang", "power_module")
    assert first.title == "A: firmware hang suspected"
    assert (first.opened_at, first.closed_at) == (
        datetime(2025, 7, 1, 8, tzinfo=UTC),
        datetime(2025, 7, 2, 11, 30, tzinfo=UTC),
    )
    assert (first.incident.source, first.incident.closed_at) == ("status", first.closed_at)
    assert [(step.old_state, step.new_state, step.note) for step in first.changes.order_by("pk")] == [
        ("", "new", "opened"),
        ("new", "en_route", "sent"),
        ("en_route", "in_progress", "there, after a wait for parts"),
        ("in_progress", "closed", "done, rectifier, 90 min"),
    ]
    assert (second.cause, second.found_cause, second.title) == ("unknown", "grid_supply", "A out of service")
    assert second.changes.first().note == "done"


def test_the_same_file_again_changes_nothing(tmp_path, charger, capsys):
    file = orders_file(tmp_path / "o.csv", FIRST, SECOND)
    call_command("import_orders", file)
    before = everything()
    call_command("import_orders", file)
    assert "0 new, 0 changed, 2 as they were" in capsys.readouterr().out
    assert everything() == before


@pytest.mark.parametrize(("old", "new"), [(",power_module", ",meter_fault"), ("10:00", "10:30"), ("rectifier", "fuse")])
def test_a_corrected_file_corrects_the_order_and_its_steps_and_no_other(tmp_path, charger, capsys, old, new):
    call_command("import_orders", orders_file(tmp_path / "o.csv", FIRST, SECOND))
    before = everything()
    call_command("import_orders", orders_file(tmp_path / "p.csv", FIRST.replace(old, new), SECOND))
    assert "0 new, 1 changed, 1 as they were" in capsys.readouterr().out
    (_, orders, steps), (_, _, old_steps) = everything(), before
    assert [row["id"] for row in orders] == [row["id"] for row in before[1]]
    assert len(steps) == 8
    assert [row for row in steps if row["order_id"] == orders[1]["id"]] == old_steps[4:]
    assert everything() != before


def test_a_file_may_do_without_what_only_some_systems_know(tmp_path, charger):
    lines = f"{TURNS},B,power_module"
    header = "opened_at,dispatched_at,arrived_at,closed_at,charger_id,cause"
    call_command("import_orders", orders_file(tmp_path / "o.csv", lines, header=header), site="K1", verbosity=0)
    order = WorkOrder.objects.get()
    assert (order.cause, order.found_cause, order.site.external_id) == ("unknown", "power_module", "K1")


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        (FIRST.replace("2025-07-02 11:30", "2025-07-02 09:30"), "closed_at", "lies before arrived_at"),
        (FIRST.replace("power_module", "gremlins"), "cause", "is none of comms_backhaul"),
        (FIRST.replace("true", "perhaps"), "waited_for_parts", "is none of"),
    ],
)
def test_bad_rows_are_named_by_line_and_column_and_left_out_on_demand(tmp_path, charger, capsys, line, column, words):
    file = orders_file(tmp_path / "o.csv", SECOND, line)
    with pytest.raises(CommandError, match="1 of 2 rows are bad"):
        call_command("import_orders", file)
    assert everything() == [[], [], []]
    told = capsys.readouterr().err
    assert f"line 3, {column}" in told
    assert words in told
    call_command("import_orders", file, skip_bad=True, verbosity=0)
    assert WorkOrder.objects.get().found_cause == "grid_supply"


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
def test_an_upload_is_imported_by_a_worker(settings, tmp_path, charger):
    settings.MEDIA_ROOT = tmp_path
    upload = ContentFile("\n".join([HEADER, FIRST, ""]).encode(), name="o.csv")
    job = jobs.enqueue("import_orders", {"file_name": "o.csv"}, upload=upload)
    assert jobs.run(job.pk)
    job = Job.objects.get()
    assert (job.state, job.result["inserted"]) == ("done", 1), job.message
    assert WorkOrder.objects.get().found_cause == "power_module"
