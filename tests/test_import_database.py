"""Another PostgreSQL is copied into ours: whole or not at all, once, and without a word about its password."""

import csv
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.utils import timezone

from stations.models import Charger, Operator, Site
from telemetry.models import ChargerState, ChargingSession, Outage, SiteState, StatusReport

PASSWORD = "s3cr3t"  # whatever happens, nobody gets to see it
START = datetime(2026, 3, 1, tzinfo=UTC)
SCHEMA = """
CREATE TABLE sites (site_id integer, name text);
CREATE TABLE chargers (charger_id integer, external_id text, site_id integer, model text, connector_type text);
CREATE TABLE charger_status ("time" timestamp, charger_id integer, status text, temperature_celsius real);
CREATE TABLE charging_sessions (start_time timestamptz, charger_id integer, site_id integer, success boolean,
    duration_minutes numeric, energy_kwh real);
INSERT INTO sites VALUES (1, 'Dock'), (2, 'Hill');
INSERT INTO chargers VALUES (11, 'CH-11', 1, 'Terra', 'CCS'), (12, NULL, 2, NULL, NULL);
INSERT INTO charger_status VALUES ('2026-03-01 00:00', 11, 'AVAILABLE', 20), ('2026-03-01 00:10', 11, 'FAULTED', NULL),
    ('2026-03-01 00:30', 11, 'available', 21), ('2026-03-01 00:00', 12, 'OFFLINE', NULL);
INSERT INTO charging_sessions VALUES ('2026-03-01 01:00Z', 11, 1, true, 30, 12.5),
    ('2026-03-01 02:00Z', 11, 1, NULL, NULL, NULL);
"""
BAD = """
INSERT INTO sites VALUES (NULL, 'Nowhere'), (1, 'Dock again');
INSERT INTO chargers VALUES (13, 'CH-13', 9, NULL, NULL);
INSERT INTO charger_status VALUES ('2026-03-01 00:00', 13, 'AVAILABLE', NULL),
    ('2026-03-01 00:05', 11, '=BROKEN', NULL),
    ('2026-03-01 00:06', 11, 'AVAILABLE', 'NaN'), (NULL, 11, 'AVAILABLE', NULL), ('2099-01-01', 11, 'AVAILABLE', 1),
    ('2026-03-01 00:10', 11, 'OFFLINE', NULL);
INSERT INTO charging_sessions VALUES ('2026-03-01 05:00Z', 11, 1, true, -3, 1),
    ('2026-03-01 06:00Z', 11, 1, true, 3, 'Infinity');
"""
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def source_url(django_db_setup, django_db_blocker):
    """A second database beside the tests' own."""
    with django_db_blocker.unblock():
        ours = connection.get_connection_params()
    keys = ("host", "port", "user", "password", "dbname")
    address = {key: ours[key] for key in keys if ours.get(key)}
    name = f"{address['dbname']}_source"
    with psycopg.connect(**address, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}"')
        server.execute(f'CREATE DATABASE "{name}"')
        yield psycopg.conninfo.make_conninfo(**address | {"dbname": name})
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def source(source_url, monkeypatch, tmp_path):
    """The tables of the source, as it is before anything goes wrong."""
    monkeypatch.setenv("OTHER_DATABASE", source_url)
    monkeypatch.chdir(tmp_path)  # because rejects come to where the command is run
    with psycopg.connect(source_url, autocommit=True) as other:
        other.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        other.execute(SCHEMA)
        yield other


def everything() -> list:
    models = (Operator, Site, Charger, StatusReport, ChargerState, Outage, ChargingSession)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_all_four_tables_arrive(source, capsys):
    call_command("import_database", "OTHER_DATABASE", operator="ESB")
    assert list(Site.objects.values_list("external_id", "name", "operator__name", "latitude", "ports_total")) == [
        ("1", "Dock", "ESB", None, 1),
        ("2", "Hill", "ESB", None, 1),
    ]
    assert not Operator.objects.get().is_simulated
    assert SiteState.objects.count() == 2
    assert list(Charger.objects.values_list("external_id", "site__name", "model", "connector_type")) == [
        ("12", "Hill", "", ""),
        ("CH-11", "Dock", "Terra", "CCS"),
    ]
    outages = Outage.objects.order_by("-charger__external_id").values_list("started_at", "ended_at", "left_censored")
    assert list(outages) == [
        (START + timedelta(minutes=10), START + timedelta(minutes=30), False),
        (START, None, True),
    ]
    assert ChargerState.objects.get(charger__external_id="CH-11").temperature_c == 21
    sessions = ChargingSession.objects.order_by("started_at").values_list("ended_at", "energy_kwh", "success", "price")
    assert list(sessions) == [(START + timedelta(minutes=90), 12.5, True, None), (None, 0, None, None)]
    assert "charger_status: 4 rows read, 4 new or different" in capsys.readouterr().out


def test_the_same_source_again_changes_nothing_and_one_row_changes_one_row(source, capsys):
    call_command("import_database", "OTHER_DATABASE")
    before = everything()
    call_command("import_database", "OTHER_DATABASE")
    assert everything() == before
    capsys.readouterr()
    source.execute("UPDATE charger_status SET status = 'OFFLINE' WHERE \"time\" = '2026-03-01 00:10'")
    source.execute("UPDATE sites SET name = 'Pier' WHERE site_id = 1")
    source.execute("UPDATE chargers SET site_id = 1 WHERE charger_id = 12")
    call_command("import_database", "OTHER_DATABASE")
    assert capsys.readouterr().out.splitlines() == [
        "sites: 2 rows read, 1 new or different",
        "chargers: 2 rows read, 1 new or different",
        "charger_status: 4 rows read, 1 new or different",
        "charging_sessions: 2 rows read, 0 new or different",
    ]
    assert Site.objects.get(external_id="1").ports_total == 2


def test_bad_rows_refuse_everything_and_are_named(source, tmp_path):
    source.execute(BAD)
    with pytest.raises(CommandError) as refusal:
        call_command("import_database", "OTHER_DATABASE", rejects=tmp_path / "rejects.csv")
    assert str(refusal.value).splitlines() == [
        "11 values of the source database cannot be taken; nothing was imported.",
        "  sites row 3 (site ), site_id: is missing",
        "  sites row 4 (site 1), site_id: '1' occurs more than once",
        "  chargers row 3 (charger 13), site_id: '9' is no site that can be taken",
        "  charger_status row 5 (charger 13 at 2026-03-01 00:00:00), charger_id: '13' is no charger that can be taken",
        "  charger_status row 6 (charger 11 at 2026-03-01 00:05:00), status: '=BROKEN' is no status of a charger",
        "  charger_status row 7 (charger 11 at 2026-03-01 00:06:00), temperature_celsius: 'NaN' is not a finite number",
        "  charger_status row 8 (charger 11 at ), time: is missing",
        "  charger_status row 9 (charger 11 at 2099-01-01 00:00:00), time: '2099-01-01 00:00:00+00' lies in the future",
        "  charger_status row 10 (charger 11 at 2026-03-01 00:10:00), time: "
        "'2026-03-01 00:10:00+00' occurs more than once",
        "  charging_sessions row 3 (charger 11 at 2026-03-01 05:00:00), duration_minutes: '-3' is negative",
        "  charging_sessions row 4 (charger 11 at 2026-03-01 06:00:00), energy_kwh: 'Infinity' is not a finite number",
        "All of them are in rejects.csv.",
        "Put them right in the source, or leave their rows out with --skip-bad.",
    ]
    assert not any(everything())
    with open(tmp_path / "rejects.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 11
    assert rows[4]["value"] == "'=BROKEN"


def test_a_rejects_file_that_cannot_be_written_is_one_sentence(source, tmp_path):
    source.execute(BAD)
    with pytest.raises(CommandError, match=r"^The rejects file x\.csv cannot be written: No such file or directory\.$"):
        call_command("import_database", "OTHER_DATABASE", rejects=tmp_path / "missing" / "x.csv", skip_bad=True)
    assert not any(everything())


def test_the_good_rows_can_be_taken_without_the_bad_ones(source):
    call_command("import_database", "OTHER_DATABASE")
    before = everything()
    source.execute(BAD)
    call_command("import_database", "OTHER_DATABASE", skip_bad=True)
    assert everything() == before


def test_sites_and_chargers_of_another_operator_are_not_taken_over(source):
    call_command("import_database", "OTHER_DATABASE", operator="ESB")
    with pytest.raises(CommandError, match="is already a site of another operator"):
        call_command("import_database", "OTHER_DATABASE", operator="Thief")
    assert set(Site.objects.values_list("operator__name", flat=True)) == {"ESB"}


def test_times_without_a_zone_are_in_the_zone_that_is_named(source):
    source.execute("DELETE FROM charger_status WHERE charger_id = 11")
    call_command("import_database", "OTHER_DATABASE", time_zone="America/New_York")
    assert StatusReport.objects.get().reported_at == START + timedelta(hours=5)
    assert ChargingSession.objects.earliest("started_at").started_at == START + timedelta(hours=1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("DROP TABLE charger_status", "has no table charger_status; it must have sites, chargers, charger_status"),
        ("ALTER TABLE charging_sessions DROP success", "Table charging_sessions of the source database has no column"),
        (
            'ALTER TABLE charger_status ALTER "time" TYPE text',
            "Column time of table charger_status of the source database is text; it must be a timestamp.",
        ),
    ],
)
def test_a_source_of_another_shape_is_refused_with_one_sentence(source, change, sentence):
    source.execute(change)
    with pytest.raises(CommandError) as refusal:
        call_command("import_database", "OTHER_DATABASE")
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not any(everything())


def test_a_variable_that_is_not_set_is_named():
    with pytest.raises(CommandError, match="variable NO_SUCH_VARIABLE is not set"):
        call_command("import_database", "NO_SUCH_VARIABLE")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"postgresql://ops:{PASSWORD}@127.0.0.1:1/x", "nothing listens at its host and port"),
        (f"postgresql://ops:{PASSWORD}@no-such-host.invalid/x", "its host name is not known"),
        (f"postgresql://ops:{PASSWORD}/x@127.0.0.1/x", "in the password must be percent-encoded"),
        (f"postgresql+psycopg2://ops:{PASSWORD}@127.0.0.1:1/x", "nothing listens at its host and port"),
        (PASSWORD, "the URL is not of the form"),
    ],
)
def test_a_source_that_cannot_be_reached_says_so_without_its_password(monkeypatch, capsys, caplog, url, reason):
    monkeypatch.setenv("OTHER_DATABASE", url)
    with pytest.raises(CommandError) as refusal:
        call_command("import_database", "OTHER_DATABASE")
    assert reason in str(refusal.value)
    said = capsys.readouterr()
    assert PASSWORD not in f"{refusal.value}{said.out}{said.err}{caplog.text}"
    assert refusal.value.__cause__ is None


def test_a_source_that_breaks_off_leaves_nothing_behind(source):
    source.execute(
        "ALTER TABLE charging_sessions RENAME TO true_sessions; CREATE VIEW charging_sessions AS SELECT start_time, "
        "charger_id, site_id, (success::int / (charger_id - 11))::boolean AS success, duration_minutes, energy_kwh "
        "FROM true_sessions"
    )
    with pytest.raises(CommandError, match=r"Reading the source database failed: division by zero\. Nothing was"):
        call_command("import_database", "OTHER_DATABASE")
    assert not any(everything())


def test_many_rows_stream_through(source):
    source.execute(
        "INSERT INTO charger_status SELECT '2020-01-01'::timestamp + n * interval '1 minute', 11, "
        "CASE WHEN n % 50 = 0 THEN 'FAULTED' ELSE 'AVAILABLE' END, NULL FROM generate_series(1, 20000) AS n"
    )
    call_command("import_database", "OTHER_DATABASE")
    assert StatusReport.objects.count() == 20_004
    assert Outage.objects.filter(started_at__lt=START, ended_at__isnull=False).count() == 400
    assert StatusReport.objects.latest("reported_at").reported_at < timezone.now()


def test_control_characters_and_blank_ids_are_bad_values_of_their_column(source):
    source.execute("ALTER TABLE sites ALTER site_id TYPE text; ALTER TABLE chargers ALTER charger_id TYPE text")
    source.execute("ALTER TABLE chargers ALTER site_id TYPE text")
    source.execute(
        "INSERT INTO sites VALUES (E'3\\n', 'Bay'), ('4', E'Pier\\u202e'), (U&'\\00a0 ', 'Lock');"
        "INSERT INTO chargers VALUES (E'13\\t', 'CH-13', '1', NULL, NULL), ('14', E'CH\\n14', '1', NULL, NULL), "
        "('15', 'CH-15', '1', E'T\\u2066', E'C\\u2028S'), ('16', '  ', '1', NULL, NULL), ('  ', 'CH-17', '1', '', '')"
    )
    with pytest.raises(CommandError) as refusal:
        call_command("import_database", "OTHER_DATABASE")
    said = [line.split("), ", 1) for line in str(refusal.value).splitlines()[1:-2]]
    assert [(row.split(" (")[0].strip(), problem) for row, problem in said] == [
        ("sites row 3", r"site_id: '3\n' has control characters"),
        ("sites row 4", r"name: 'Pier\u202e' has control characters"),
        ("sites row 5", r"site_id: '\xa0 ' is missing"),
        ("chargers row 3", r"charger_id: '13\t' has control characters"),
        ("chargers row 4", r"external_id: 'CH\n14' has control characters"),
        ("chargers row 5", r"model: 'T\u2066' has control characters"),
        ("chargers row 5", r"connector_type: 'C\u2028S' has control characters"),
        ("chargers row 6", "external_id: '  ' is blank"),
        ("chargers row 7", "charger_id: '  ' is missing"),
    ]
    assert not any(everything())


def test_names_and_ids_are_composed_as_those_of_files_are(source):
    source.execute(
        "UPDATE sites SET name = E'Cafe\\u0301'; UPDATE chargers SET external_id = E'e\\u0301' WHERE site_id = 1"
    )
    call_command("import_database", "OTHER_DATABASE")
    assert set(Site.objects.values_list("name", flat=True)) == {"Caf\u00e9"}
    assert Charger.objects.filter(external_id="\u00e9").exists()


def test_bad_rows_are_always_written_somewhere_and_no_cell_is_a_formula(source, tmp_path, capsys):
    values = ["=1", " @x", "\t1", "-2", "-2+3"]
    for number, value in enumerate(values):
        moment = START.replace(tzinfo=None) + timedelta(hours=1, minutes=number)
        source.execute("INSERT INTO charger_status VALUES (%s, 11, %s, NULL)", [moment, value])
    call_command("import_database", "OTHER_DATABASE", skip_bad=True)
    assert "All of them are in import_database.rejects.csv." in capsys.readouterr().out
    with open(tmp_path / "import_database.rejects.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["value"] for row in rows] == ["'=1", "' @x", "'\t1", "-2", "'-2+3"]
    assert [row["row"] for row in rows] == ["5", "6", "7", "8", "9"]
    assert [file.name for file in tmp_path.iterdir()] == ["import_database.rejects.csv"]


@pytest.mark.parametrize(("operator", "reason"), [("x" * 101, "is longer than 100 characters"), (" ", "is missing")])
def test_an_operator_who_cannot_be_called_so_is_one_sentence(source, operator, reason):
    with pytest.raises(CommandError, match=rf"^The name of the operator {reason}; give another with --operator\.$"):
        call_command("import_database", "OTHER_DATABASE", operator=operator)


def test_an_error_of_our_own_database_is_not_put_down_to_the_source(source):
    source.execute(
        "ALTER TABLE sites RENAME TO true_sites; CREATE VIEW sites AS "
        "SELECT site_id, name || left(pg_sleep(0.6)::text, 0) AS name FROM true_sites"
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '300ms'")
    with pytest.raises((psycopg.Error, DatabaseError), match="statement timeout"):
        call_command("import_database", "OTHER_DATABASE")
