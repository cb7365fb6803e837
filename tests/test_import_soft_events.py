"""Files of soft events: whole or not at all, and the same file twice changes nothing."""

import gzip

import pytest
from django.core.management import CommandError, call_command

from stations.models import Charger, Operator, Site
from telemetry.models import SoftEvents

pytestmark = pytest.mark.django_db
HEADER = "time,charger_id,missed_heartbeats,soft_trips,power_dips,reboots,retries"
GOOD = ("2025-07-01 00:00:00,A,6,0,1,0,0", "2025-07-01 00:30:00,A,0,0,0,0,3", "2025-07-01 00:00:00,B,0,2,0,0,0")


def events_file(path, *lines, header=HEADER):
    text = "\n".join([header, *lines, ""]).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return str(path)


def known() -> list[tuple]:
    return list(
        SoftEvents.objects.order_by("charger__external_id", "at").values_list(
            "charger__external_id", "missed_heartbeats", "soft_trips", "power_dips", "reboots", "retries"
        )
    )


def test_counts_come_in_and_unknown_chargers_to_the_site_named(tmp_path):
    operator = Operator.objects.create(name="Known")
    here = Site.objects.create(operator=operator, external_id="K1", name="Known site")
    Charger.objects.create(site=here, external_id="A")
    call_command("import_soft_events", events_file(tmp_path / "e.csv.gz", *GOOD), site="NEW", verbosity=0)
    assert known() == [("A", 6, 0, 1, 0, 0), ("A", 0, 0, 0, 0, 3), ("B", 0, 2, 0, 0, 0)]
    assert Charger.objects.get(external_id="A").site == here
    assert Charger.objects.get(external_id="B").site.external_id == "NEW"
    assert f"{SoftEvents.objects.earliest('at').at:%Y-%m-%d %H:%M %Z}" == "2025-07-01 00:00 UTC"


def test_the_same_file_again_changes_nothing_and_another_count_changes_its_row(tmp_path, capsys):
    file = events_file(tmp_path / "e.csv", *GOOD)
    call_command("import_soft_events", file)
    call_command("import_soft_events", file)
    assert "0 new, 0 changed, 3 as they were" in capsys.readouterr().out
    call_command("import_soft_events", events_file(tmp_path / "f.csv", GOOD[0], GOOD[1].replace(",3", ",4")))
    assert "0 new, 1 changed, 1 as they were" in capsys.readouterr().out
    assert known()[1] == ("A", 0, 0, 0, 0, 4)


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        ("2025-07-01 00:10:00,A,0,0,0,0,1", "time", "is not the beginning of a half-hour"),
        ("2025-07-01 00:00:00,A,-1,0,0,0,0", "missed_heartbeats", "is not between 0 and 32767"),
        ("2025-07-01 00:00:00,A,0,0,0,0,1.5", "retries", "is not a whole number"),
        ("2025-07-01 00:00:00,,0,0,0,0,1", "charger_id", "is missing"),
        (GOOD[0], "time", "occurs more than once for A"),
    ],
)
def test_bad_rows_are_named_by_line_and_column_and_left_out_on_demand(tmp_path, capsys, line, column, words):
    file = events_file(tmp_path / "e.csv", *GOOD, line)
    with pytest.raises(CommandError, match="1 of 4 rows are bad"):
        call_command("import_soft_events", file)
    assert not SoftEvents.objects.exists()
    told = capsys.readouterr().err
    assert f"line 5, {column}" in told
    assert words in told
    call_command("import_soft_events", file, skip_bad=True, verbosity=0)
    assert len(known()) == 3
