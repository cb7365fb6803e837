"""The federal quarterly reports hold exactly what EV-ChART takes, of the operator and quarter that were asked for."""

import asyncio
import csv
import io
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from types import SimpleNamespace
from urllib.request import Request, urlopen

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from sntry_site.exports import ev_chart
from sntry_site.exports.quarter import Quarter
from sntry_site.exports.streaming import _sent, csv_pieces
from stations.access import sync_roles
from stations.models import Operator
from telemetry.models import ChargingSession, Outage, StatusReport

from . import fleet
from .hostile_strings import HOSTILE

Q3 = Quarter(2025, 3)
JULY = datetime(2025, 7, 1, tzinfo=UTC)
# The module definitions of EV-ChART: column -> longest text, or digits in all and after the point, or a time.
TEXT = {"station_id": 36, "port_id": 36, "charger_id": 36, "session_id": 36, "connector_id": 36, "session_error": 255,
        "error_other": 255, "payment_method": 255, "payment_other": 255, "excluded_outage_notes": 255}  # fmt: skip
DECIMAL = {"energy_kwh": (7, 2), "power_kw": (7, 2), "uptime": (5, 2), "total_outage": (8, 2),
           "total_outage_excl": (8, 2), "outage_duration": (8, 2)}  # fmt: skip
TIME = ("session_start", "session_end", "uptime_reporting_start", "uptime_reporting_end", "outage_id")
REQUIRED = {
    2: ("session_id", "session_start", "session_end", "session_error", "energy_kwh", "power_kw", "payment_method"),
    3: ("uptime_reporting_start", "uptime_reporting_end", "total_outage", "total_outage_excl"),
    4: ("outage_id", "outage_duration", "excluded_outage"),
}
HEADS = {
    2: "station_id,port_id,network_provider,charger_id,session_id,connector_id,session_start,session_end,session_error,"
    "error_other,energy_kwh,power_kw,payment_method,payment_other",
    3: "station_id,port_id,network_provider,uptime_reporting_start,uptime_reporting_end,uptime,total_outage,"
    "total_outage_excl",
    4: "station_id,port_id,network_provider,outage_id,outage_duration,excluded_outage,excluded_outage_reason,"
    "excluded_outage_notes",
}


def refused(module: int, row: dict) -> list[str]:
    """What EV-ChART's checks would say of a row."""
    problems = [name for name in ("station_id", "port_id", "network_provider") if not row[name]]
    rest = {name: value for name, value in row.items() if name not in ev_chart.PLACE}
    if module in (2, 4) and not any(rest.values()):
        return problems  # "no data", and nothing but
    problems += [f"{name} is required" for name in REQUIRED[module] if row[name] == ""]
    for name, value in row.items():
        if value == "":
            continue
        if name in TEXT and (len(value) > TEXT[name] or not value.strip()):
            problems.append(f"{name} is too long or blank")
        if name in DECIMAL:
            digits, scale = DECIMAL[name]
            number = Decimal(value)
            if not re.fullmatch(rf"\d{{1,{digits - scale}}}\.\d{{{scale}}}", value) or number < 0:
                problems.append(f"{name}: {value}")
        if name in TIME:
            datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    if module == 2 and row["session_end"] < row["session_start"]:
        problems.append("ends before it starts")
    if module == 4:
        if Decimal(row["outage_duration"]) < Decimal("0.01"):
            problems.append("too short")
        if row["excluded_outage"] not in ("TRUE", "FALSE"):
            problems.append("excluded_outage is no boolean")
        if (row["excluded_outage_reason"] in "123456" and row["excluded_outage_reason"] != "") != (
            row["excluded_outage"] == "TRUE"
        ):
            problems.append("a reason, and only one, where it is excluded")
    return problems


def read(module: int, *operators, quarter=Q3) -> list[dict]:
    """A report as EV-ChART reads it: every row is held to its checks."""
    pieces = csv_pieces(ev_chart.COLUMNS[module], ev_chart.report(module, quarter, [one.pk for one in operators]))
    text = b"".join(pieces).decode()
    assert text.split("\r\n", 1)[0] == HEADS[module]
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert not [(row, said) for row in rows if (said := refused(module, row))]
    keys = [tuple(row.get(name) for name in ("station_id", "port_id", "session_id", "outage_id")) for row in rows]
    assert len(set(keys)) == len(keys)
    return rows


def say(charger, at, status="AVAILABLE"):
    StatusReport.objects.record([charger.pk], [at], [status])


@pytest.fixture
def world(db):
    """Northline with two ports, the first two years old; Southway with one."""
    north, south = Operator.objects.create(name="North Line"), Operator.objects.create(name="Southway")
    here, there = fleet.site(north, 1), fleet.site(south, 1)
    old, new = fleet.charger(here, 1, cabinet_id="CAB-1"), fleet.charger(here, 2)
    far = fleet.charger(there)
    say(old, datetime(2023, 7, 1, tzinfo=UTC))
    say(new, datetime(2025, 2, 1, tzinfo=UTC))
    say(far, datetime(2025, 2, 1, tzinfo=UTC))
    return SimpleNamespace(north=north, south=south, old=old, new=new, far=far, site=here)


def session(charger, at, minutes=30, **fields):
    values = {"energy_kwh": 20.456, "success": True, **fields}
    return ChargingSession.objects.create(
        charger=charger, started_at=at, ended_at=at + timedelta(minutes=minutes), **values
    )


def test_a_session_is_reported_with_its_energy_mean_power_and_error(world):
    done = session(world.old, JULY, energy_kwh=20.0)
    failed = session(world.old, JULY + timedelta(hours=1), success=False, energy_kwh=0)
    StatusReport.objects.record(
        [world.old.pk], [JULY + timedelta(hours=1, minutes=20)], ["FAULTED"], ["OtherError"], vendor_codes=["CX011"]
    )
    untold = session(world.old, JULY + timedelta(hours=5), success=None, minutes=0)
    rows = {row["session_id"]: row for row in read(2, world.north)}
    assert rows[str(done.pk)] == {
        "station_id": world.site.external_id, "port_id": world.old.external_id, "network_provider": "north_line",
        "charger_id": "CAB-1", "session_id": str(done.pk), "connector_id": "1", "session_start": "2025-07-01T00:00:00Z",
        "session_end": "2025-07-01T00:30:00Z", "session_error": "none", "error_other": "", "energy_kwh": "20.00",
        "power_kw": "40.00", "payment_method": "other", "payment_other": "not recorded",
    }  # fmt: skip
    assert (rows[str(failed.pk)]["session_error"], rows[str(failed.pk)]["error_other"]) == ("OtherError", "CX011")
    assert (rows[str(untold.pk)]["session_error"], rows[str(untold.pk)]["power_kw"]) == ("not recorded", "0.00")


def test_only_sessions_that_began_in_the_quarter_and_are_over_are_reported(world):
    first = session(world.old, JULY)
    last = session(world.old, Q3.ends_at - timedelta(seconds=1), minutes=60)
    session(world.old, JULY - timedelta(seconds=1))
    session(world.old, Q3.ends_at)
    ChargingSession.objects.create(charger=world.old, started_at=JULY + timedelta(days=1))
    told = [row["session_id"] for row in read(2, world.north) if row["session_id"]]
    assert told == [str(first.pk), str(last.pk)]


def test_a_port_without_sessions_has_one_row_without_data(world):
    session(world.old, JULY)
    rows = read(2, world.north)
    assert [list(row.values()) for row in rows if row["port_id"] == world.new.external_id] == [
        [world.site.external_id, world.new.external_id, "north_line", *[""] * 11]
    ]


def test_outages_are_cut_to_the_quarter_and_no_minute_is_in_two_reports(world):
    say(world.old, JULY - timedelta(minutes=90), "FAULTED")
    say(world.old, JULY + timedelta(minutes=30))
    say(world.old, Q3.ends_at - timedelta(minutes=10), "OFFLINE")
    say(world.old, Q3.ends_at + timedelta(minutes=5))
    told = {
        quarter: [(row["outage_id"], row["outage_duration"]) for row in read(4, world.north, quarter=quarter)]
        for quarter in (Q3.before(), Q3, Q3.next())
    }
    assert told[Q3.before()] == [("2025-06-30T22:30:00Z", "90.00"), ("", "")]
    assert told[Q3] == [("2025-07-01T00:00:00Z", "30.00"), ("2025-09-30T23:50:00Z", "10.00"), ("", "")]
    assert told[Q3.next()] == [("2025-10-01T00:00:00Z", "5.00"), ("", "")]


@pytest.mark.parametrize(
    ("reason", "evidence", "told"),
    [
        ("utility", "WO-12", ("TRUE", "1", "WO-12")),
        ("closed_hours", "=HYPERLINK(1)", ("TRUE", "6", "'=HYPERLINK(1)")),
        ("utility", "", ("FALSE", "", "")),
        ("internet", "WO-12", ("FALSE", "", "")),  # no reason of the federal rule
        ("", "", ("FALSE", "", "")),
    ],
)
def test_an_outage_is_excluded_for_a_federal_reason_that_is_shown(world, reason, evidence, told):
    say(world.old, JULY, "FAULTED")
    say(world.old, JULY + timedelta(minutes=30))
    Outage.objects.mark_excluded(Outage.objects.values_list("pk", flat=True), reason, evidence)
    row = read(4, world.north)[0]
    assert tuple(row[f"excluded_outage{end}"] for end in ("", "_reason", "_notes")) == told


def test_uptime_is_of_the_year_that_ends_with_the_quarter(world):
    say(world.old, JULY, "FAULTED")
    say(world.old, JULY + timedelta(minutes=5256))  # one percent of a year
    row = read(3, world.north)[0]
    assert list(row.values())[3:] == ["2024-10-01T00:00:00Z", "2025-10-01T00:00:00Z", "99.00", "5256.00", "0.00"]
    Outage.objects.mark_excluded(Outage.objects.values_list("pk", flat=True), "vandalism", "photo 7")
    assert list(read(3, world.north)[0].values())[5:] == ["100.00", "5256.00", "5256.00"]


def test_uptime_is_blank_in_the_first_year_unless_the_station_is_so_old_that_a_blank_is_refused(world):
    say(world.new, JULY, "FAULTED")
    say(world.new, JULY + timedelta(days=1))
    # Its station opened on 2023-07-01, more than a year before the reported year begins.
    assert [row["uptime"] for row in read(3, world.north)] == ["100.00", "99.59"]
    say(world.far, JULY, "FAULTED")
    say(world.far, JULY + timedelta(days=1))
    assert [(row["uptime"], row["total_outage"]) for row in read(3, world.south)] == [("", "1440.00")]


def test_uptime_and_outages_of_the_same_year_agree(world):
    for place, minutes in enumerate((1, 77, 3000, 0.4)):
        say(world.old, JULY - timedelta(days=200 - 60 * place), "FAULTED")
        say(world.old, JULY - timedelta(days=200 - 60 * place) + timedelta(minutes=minutes))
    quarters = [Q3, Q3.before(), Q3.before().before(), Q3.before().before().before()]
    told = [row["outage_duration"] for each in quarters for row in read(4, world.north, quarter=each)]
    assert sum(Decimal(each or 0) for each in told) == Decimal(read(3, world.north)[0]["total_outage"]) == 3078


def test_another_operators_ports_are_never_in_it(world):
    session(world.far, JULY)
    for module in ev_chart.COLUMNS:
        assert not [row for row in read(module, world.north) if row["port_id"] == world.far.external_id]
    assert [row["port_id"] for row in read(2, world.south)] == [world.far.external_id]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=64))
def test_every_id_fits_and_none_is_a_formula(external_id):
    told = ev_chart.fitting_id(external_id)
    assert 1 <= len(told) <= 36
    assert told.strip()[:1] not in ("=", "+", "-", "@", "")
    assert told == ev_chart.fitting_id(external_id)


def test_hostile_names_and_codes_stay_words_of_one_cell(world):
    for number, text in enumerate(HOSTILE[:60]):
        text = text.replace("\0", "")
        there = fleet.site(world.north, 100 + number, name=text[:200])
        port = fleet.charger(there, cabinet_id=f"{text[:50]}{number}")
        at = JULY + timedelta(minutes=number)
        session(port, at, success=False)
        StatusReport.objects.record([port.pk], [at], ["FAULTED"], [text[:50]], vendor_codes=[text[:50]])
    rows = read(2, world.north)
    assert len(rows) == len(HOSTILE[:60]) + 2
    for row in rows:
        assert not [value for value in row.values() if value and value.lstrip()[:1] in "=+-@"]


@pytest.mark.parametrize("name", ["2025-Q0", "2025-Q5", "2025Q3", "25-Q3", "", "2025-Q3\n", "９９９９-Q1", "1999-Q4"])
def test_what_is_no_quarter_is_refused_in_a_sentence(name):
    with pytest.raises(ValueError, match="2026-Q3"):
        Quarter.named(name)


def test_quarters_follow_each_other_without_a_gap():
    quarter = Quarter(2024, 1)
    for _ in range(9):
        assert Quarter.of(quarter.starts_at) == Quarter.of(quarter.ends_at - timedelta(seconds=1)) == quarter
        assert quarter.next().before() == quarter
        assert quarter.next().starts_at == quarter.ends_at
        quarter = quarter.next()


@pytest.fixture
def analyst(world, client):
    sync_roles()
    person = fleet.person("ana", "viewer", world.north)
    client.force_login(person)
    return person


def test_staff_fetch_the_reports_of_their_own_operators(world, analyst, client):
    session(world.old, JULY)
    address = reverse("export-ev-chart")
    response = client.get(address, {"module": "2", "quarter": "2025-Q3", "operator": world.north.pk})
    assert response["Content-Disposition"].startswith("attachment")
    assert b"".join(response).decode().startswith(HEADS[2])
    assert client.get(address, {"module": "2", "quarter": "2025-Q3", "operator": world.south.pk}).status_code == 404
    for wrong in ({"module": "5"}, {"quarter": "x"}, {"quarter": str(Quarter.of(timezone.now()))}):
        refused_ = client.get(address, {"module": "2", "quarter": "2025-Q3", "operator": world.north.pk} | wrong)
        assert (refused_.status_code, refused_["Content-Type"]) == (400, "text/plain; charset=utf-8")
    for wrong in ("", "x", "９", "1" * 30):
        assert client.get(address, {"module": "2", "quarter": "2025-Q3", "operator": wrong}).status_code == 404
    page = client.get(reverse("exports")).content.decode()
    assert "North Line" in page
    assert "Southway" not in page


def test_without_the_right_to_see_sessions_nothing_is_exported(world, client):
    sync_roles()
    client.force_login(fleet.person("tim", "technician", world.north))
    for address in ("exports", "export-ev-chart"):
        assert client.get(reverse(address)).status_code == 403


def test_the_command_writes_the_same_file(world, tmp_path):
    session(world.old, JULY)
    out = StringIO()
    call_command("export", "ev-chart", "2", "--quarter=2025-Q3", "--operator=North Line", stdout=out)
    call_command(
        "export", "ev-chart", "2", "--quarter=2025-Q3", f"--output={tmp_path}/x.csv", stderr=StringIO(), stdout=out
    )
    assert out.getvalue().startswith(HEADS[2])
    assert world.far.external_id in (tmp_path / "x.csv").read_text()
    with pytest.raises(CommandError, match="no operator"):
        call_command("export", "ev-chart", "2", "--quarter=2025-Q3", "--operator=Nobody")


async def test_pieces_are_sent_as_they_are_made():
    made = []

    def rows():
        for number in range(100_000):
            made.append(number)
            yield (number, "x" * 90)

    sent = _sent(csv_pieces(("a", "b"), rows()))
    first = await anext(sent)
    assert len(first) < 80_000
    assert len(made) < 1_000  # and not all of them
    await sent.aclose()
    await asyncio.sleep(0)


@pytest.mark.django_db(transaction=True)
def test_a_report_is_streamed_by_a_real_server(world, live_site):
    at = JULY
    ChargingSession.objects.bulk_create(
        ChargingSession(charger=world.old, started_at=at + timedelta(minutes=n), ended_at=at + timedelta(minutes=n + 1))
        for n in range(5_000)
    )
    cookie = live_site.cookie(fleet.person("chief", is_superuser=True))
    address = f"{live_site.url}{reverse('export-ev-chart')}?module=2&quarter=2025-Q3&operator={world.north.pk}"
    with urlopen(Request(address, headers={"Cookie": f"sessionid={cookie['value']}"}), timeout=120) as response:  # noqa: S310
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert len(response.read().splitlines()) == 1 + 5_000 + 1
