"""Files of status reports and of sessions: the shape of the reliability database."""

import gzip
import random
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from stations.models import Charger, Operator, Site
from telemetry.importers.charger_places import create_chargers, create_sites
from telemetry.models import ChargerState, ChargingSession, Outage, SiteState, StatusReport

pytestmark = pytest.mark.django_db
STATUS_HEADER = "time,charger_id,status,temperature_celsius"
SESSION_HEADER = "start_time,charger_id,site_id,success,duration_minutes,energy_kwh"


def status_file(path, *lines, header=STATUS_HEADER):
    text = "\n".join([header, *lines, ""]).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return str(path)


def load(command, path, **options):
    call_command(command, path, verbosity=0, **options)


@pytest.fixture
def week_of_changes(tmp_path) -> str:
    """Forty chargers that change their state now and then over ten days, one after the other, without temperatures."""
    chance = random.Random(1)
    lines = []
    for charger in range(40):
        at = datetime(2018, 11, 1, 10, 5, tzinfo=UTC)
        while at < datetime(2018, 11, 11, tzinfo=UTC):
            state = chance.choice(["AVAILABLE", "CHARGING", "AVAILABLE", "CHARGING", "FAULTED", "OFFLINE"])
            lines.append(f"{at:%Y-%m-%d %H:%M:%S},IE{charger:04},{state},")
            at += timedelta(minutes=5 * chance.randint(1, 300))
    return status_file(tmp_path / "status.csv.gz", *lines)


def test_status_changes_of_unknown_chargers_become_reports_states_and_outages(week_of_changes):
    load("import_status", week_of_changes)
    site = Site.objects.get()
    assert (site.name, site.operator.name, site.operator.is_simulated) == ("Imported chargers", "Imported", False)
    assert (site.latitude, site.ports_total, site.chargers.count()) == (None, 40, 40)
    assert SiteState.objects.get().site == site
    assert StatusReport.objects.filter(charger__external_id="IE0007").exists()
    assert ChargerState.objects.count() == 40
    assert Outage.objects.exclude(status__in=["FAULTED", "OFFLINE"]).count() == 0
    assert Outage.objects.count() > 40


def test_the_same_status_file_again_changes_nothing(week_of_changes, capsys):
    load("import_status", week_of_changes)
    before = list(StatusReport.objects.order_by("pk").values()), list(Outage.objects.order_by("pk").values())
    call_command("import_status", week_of_changes)
    assert f"0 new, 0 changed, {len(before[0]):,} as they were" in capsys.readouterr().out
    assert before == (list(StatusReport.objects.order_by("pk").values()), list(Outage.objects.order_by("pk").values()))


def test_known_chargers_stay_where_they_are_and_new_ones_come_to_the_site_named(tmp_path):
    operator = Operator.objects.create(name="Known")
    site = Site.objects.create(operator=operator, external_id="K1", name="Known site")
    Charger.objects.create(site=site, external_id="A")
    file = status_file(tmp_path / "s.csv", "2025-01-01 00:00,A,AVAILABLE,20.5", "2025-01-01 00:00,B,FAULTED,")
    load("import_status", file, site="NEW", operator="Newcomer")
    assert Charger.objects.get(external_id="A").site == site
    new = Charger.objects.get(external_id="B").site
    assert (new.external_id, new.operator.name, new.ports_total) == ("NEW", "Newcomer", 1)
    assert not Operator.objects.filter(name="Imported").exists()
    temperatures = StatusReport.objects.order_by("charger__external_id").values_list("temperature_c", flat=True)
    assert list(temperatures) == [20.5, None]


def test_a_file_may_say_which_codes_came_with_a_status(tmp_path):
    lines = ("2025-01-01 00:00,A,FAULTED,20.5,GroundFailure,CX002", "2025-01-01 01:00,A,AVAILABLE,20.5,,")
    load("import_status", status_file(tmp_path / "s.csv", *lines, header=STATUS_HEADER + ",error_code,vendor_code"))
    codes = StatusReport.objects.order_by("reported_at").values_list("error_code", "vendor_code")
    assert list(codes) == [("GroundFailure", "CX002"), ("", "")]
    assert Outage.objects.values_list("error_code", "vendor_code").get() == ("GroundFailure", "CX002")
    without = status_file(tmp_path / "u.csv", lines[0].rpartition(",")[0], header=STATUS_HEADER + ",error_code")
    load("import_status", without)
    assert Outage.objects.get().vendor_code == ""
    with pytest.raises(CommandError, match="colour"):
        load("import_status", status_file(tmp_path / "t.csv", lines[0], header=STATUS_HEADER + ",colour"))


def test_a_site_of_another_operator_is_not_taken_over(tmp_path):
    operator = Operator.objects.create(name="Known")
    Site.objects.create(operator=operator, external_id="K1", name="Known site")
    file = status_file(tmp_path / "s.csv", "2025-01-01 00:00,B,FAULTED,")
    with pytest.raises(CommandError, match="The site K1 belongs to Known, not to Rival"):
        load("import_status", file, site="K1", operator="Rival")
    assert not Charger.objects.exists()
    assert not Operator.objects.filter(name="Rival").exists()


def test_bad_status_rows_are_found_and_skipped_on_demand(tmp_path, capsys):
    good = "2025-01-01 00:00:00,A,AVAILABLE,"
    future = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S")
    lines = [good, "2025-01-01 00:05:00,A,Broken,", "2025-01-01 00:10:00,,AVAILABLE,", good, f"{future},A,FAULTED,"]
    file = status_file(tmp_path / "s.csv", *lines, "2025-01-01 00:15:00,A,FAULTED,warm")
    with pytest.raises(CommandError, match="5 of 6 rows are bad"):
        load("import_status", file)
    shown = capsys.readouterr().err
    for place in (
        "line 3, status",
        "line 4, charger_id",
        "line 5, time",
        "line 6, time",
        "line 7, temperature_celsius",
    ):
        assert place in shown
    assert not StatusReport.objects.exists()
    load("import_status", file, skip_bad=True)
    assert StatusReport.objects.count() == 1


def test_a_status_file_with_the_wrong_columns_is_refused(tmp_path):
    file = status_file(tmp_path / "s.csv", "1,2", header="time,charger")
    with pytest.raises(CommandError, match="lacks the columns charger_id, status, temperature_celsius"):
        load("import_status", file)


def test_sessions_are_stored_with_their_end_and_without_a_price(tmp_path):
    lines = [
        "2025-07-01 00:00:00,A,S1,true,30.5,12.5",
        "2025-07-01 01:00:00,B,S2,False,0,0",
        "2025-07-02 01:00:00,B,S2,,,",
    ]
    load("import_sessions", status_file(tmp_path / "s.csv", *lines, header=SESSION_HEADER))
    first, second, third = ChargingSession.objects.order_by("started_at")
    assert (first.minutes, first.energy_kwh, first.success, first.price) == (30.5, 12.5, True, None)
    assert (second.minutes, second.success) == (0, False)
    assert (third.ended_at, third.energy_kwh, third.success) == (None, 0, None)
    assert first.charger.site.external_id == "S1"
    assert set(Site.objects.values_list("external_id", "ports_total")) == {("S1", 1), ("S2", 1)}


def test_a_session_file_again_changes_nothing_and_a_changed_row_one_row(tmp_path, capsys):
    lines = ["2025-07-01 00:00:00,A,S1,true,30.5,12.5", "2025-07-02 00:00:00,A,S1,true,30.5,12.5"]
    file = status_file(tmp_path / "s.csv", *lines, header=SESSION_HEADER)
    load("import_sessions", file)
    call_command("import_sessions", file)
    assert "0 new, 0 changed, 2 as they were" in capsys.readouterr().out
    file = status_file(tmp_path / "s.csv", lines[0], lines[1].replace("12.5", "13"), header=SESSION_HEADER)
    call_command("import_sessions", file)
    assert "0 new, 1 changed, 1 as they were" in capsys.readouterr().out


@pytest.mark.parametrize("cells", ["maybe,1,1", "true,-1,1", "true,1,-0.5", "true,nan,1", "true,1,inf"])
def test_bad_session_cells_are_refused(tmp_path, cells):
    file = status_file(tmp_path / "s.csv", f"2025-07-01 00:00:00,A,S1,{cells}", header=SESSION_HEADER)
    with pytest.raises(CommandError, match="1 of 1 rows are bad"):
        load("import_sessions", file)
    assert not Site.objects.exists()


@pytest.mark.parametrize(
    ("chargers", "sites", "note"),
    [
        (["A"], ["1"], "1 charger created at 1 site"),
        (["A", "B"], ["1", "1"], "2 chargers created at 1 site"),
        (["A", "B"], ["1", "2"], "2 chargers created at 2 sites"),
    ],
)
def test_created_chargers_are_counted_in_good_english(chargers, sites, note):
    with connection.cursor() as cursor:
        create_sites(cursor, ["1", "2"])
        assert create_chargers(cursor, chargers, sites) == note
