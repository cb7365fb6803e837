"""Uptime by the federal rule and by other programmes; attempts to charge, visits and their success."""

import pandas as pd
import pytest

from telemetry.models.outages import Exclusion
from telemetry.reliability.answers import CannotAnswer
from telemetry.reliability.charge_attempts import Thresholds, charge_attempts, session_success, visits
from telemetry.reliability.uptime import EXCLUSIONS, LABELS, monthly_uptime, nevi_uptime, outage_minutes, period_uptime

DAY = pd.Timestamp("2026-03-01", tz="UTC")
MINUTE = pd.Timedelta(minutes=1)
LONG_AGO = DAY - pd.DateOffset(years=2)


def outages(*rows: tuple) -> pd.DataFrame:
    """Port, from minute, to minute (None: still going on), reason, evidence."""
    frame = pd.DataFrame(rows, columns=["port_id", "start", "end", "reason", "evidence"])
    for name in ("start", "end"):
        frame[name] = DAY + pd.to_timedelta(frame[name].astype(float), unit="min")
    return frame


def ports(*ids: str, since=LONG_AGO) -> pd.DataFrame:
    return pd.DataFrame({"port_id": list(ids), "since": since})


def minutes(frame: pd.DataFrame, programme: str = "nevi", until: float = 1440) -> dict:
    found = outage_minutes(frame, DAY, DAY + until * MINUTE, programme)
    return {row.port_id: (row.outage_minutes, row.excluded_minutes) for row in found.itertuples()}


def test_outages_are_cut_to_the_period_and_merged_per_port():
    frame = outages(("a", -60, 30, "", ""), ("a", 20, 50, "", ""), ("a", 25, 28, "", ""), ("b", 1400, None, "", ""),
                    ("c", 2000, 2100, "", ""))  # fmt: skip
    assert minutes(frame) == {"a": (50, 0), "b": (40, 0)}


def test_only_reasons_of_the_programme_with_evidence_are_excluded():
    frame = outages(("a", 0, 10, "vandalism", "photo 7"), ("a", 20, 50, "vandalism", ""),
                    ("a", 60, 64, "internet", "note"), ("a", 5, 12, "", ""))  # fmt: skip
    assert minutes(frame) == {"a": (12 + 30 + 4, 5)}  # 5 to 10 is counted by another outage
    assert minutes(frame, "california") == {"a": (46, 9)}
    assert minutes(frame, "none") == {"a": (46, 0)}
    with pytest.raises(CannotAnswer, match="programme must be one of"):
        minutes(frame, "mars")


def test_only_a_whole_year_of_a_port_in_service_is_the_federal_figure():
    frame = outages(("a", 0, 15_768, "", ""))
    year = period_uptime(frame, ports("a"), DAY, DAY + pd.DateOffset(years=1))
    assert (year["percent"][0], year["passes"][0], year["label"][0]) == (pytest.approx(97), False, "federal figure")
    assert year["percent"][0] == pytest.approx(nevi_uptime(15_768).percent)
    month = period_uptime(frame, ports("a"), DAY, DAY + pd.DateOffset(months=1))
    assert month["label"][0] == "not the federal figure"
    young = period_uptime(frame, ports("a", since=DAY + 10 * MINUTE), DAY, DAY + pd.DateOffset(years=1))
    assert young["label"][0] == "not the federal figure"
    assert period_uptime(frame, ports("a", since=DAY + pd.DateOffset(years=3)), DAY, DAY + MINUTE).empty


def test_a_leap_year_is_divided_by_525600_all_the_same():
    start = pd.Timestamp("2027-07-01", tz="UTC")
    frame = outages(("a", 0, 10_000_000, "", ""))
    year = period_uptime(frame, ports("a"), start, start + pd.DateOffset(years=1))
    assert (year["minutes"][0], year["percent"][0]) == (525_600, 0)


def test_twelve_months_and_the_year_before_the_month():
    found = monthly_uptime(outages(("a", 0, 600, "", "")), ports("a", "b"), DAY + pd.DateOffset(months=2, days=9))
    assert found["period"].unique().tolist() == ["year", *(f"2025-{m:02}" for m in range(5, 13)),
                                                 *(f"2026-{m:02}" for m in range(1, 5))]  # fmt: skip
    march = found[(found["period"] == "2026-03") & (found["port_id"] == "a")].iloc[0]
    assert march["outage_minutes"] == 600
    assert (found[found["port_id"] == "b"]["percent"] == 100).all()


def status(*rows: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["charger_id", "time", "status"])
    return frame.assign(time=DAY + pd.to_timedelta(frame["time"].astype(float), unit="min"))


def sessions(*rows: tuple) -> pd.DataFrame:
    names = ["charger_id", "start", "end", "energy_kwh", "stop_reason", "driver", "site_id"]
    frame = pd.DataFrame(rows, columns=names)
    for name in ("start", "end"):
        frame[name] = DAY + pd.to_timedelta(frame[name].astype(float), unit="min")
    return frame


OCCUPIED = [("A", 0, "AVAILABLE"), ("A", 10, "PREPARING"), ("A", 11, "CHARGING"), ("A", 40, "AVAILABLE")]


def test_an_attempt_goes_from_plugging_in_to_leaving_and_joins_its_session():
    found = charge_attempts(status(*OCCUPIED), sessions(("A", 11, 39, 12.0, "Local", "d1", "S")))
    assert len(found) == 1
    one = found.iloc[0]
    assert (one["start"], one["end"]) == (DAY + 10 * MINUTE, DAY + 40 * MINUTE)
    assert (one["energy_kwh"], one["driver"], one["success"]) == (12.0, "d1", True)


@pytest.mark.parametrize(
    ("session", "last"),
    [
        (("A", 11, 39, 0.1, "Local", None, "S"), "AVAILABLE"),  # 0.1 kWh is not more than 0.1 kWh
        (("A", 11, 39, 9.0, "PowerLoss", None, "S"), "AVAILABLE"),
        (("A", 11, 39, 9.0, "Local", None, "S"), "FAULTED"),
        (("A", 100, 139, 9.0, "Local", None, "S"), "AVAILABLE"),  # of another attempt
        (("B", 11, 39, 9.0, "Local", None, "S"), "AVAILABLE"),
    ],
)
def test_what_makes_an_attempt_fail(session, last):
    found = charge_attempts(status(*OCCUPIED[:3], ("A", 40, last)), sessions(session))
    assert not found[found["start"] == DAY + 10 * MINUTE]["success"].any()


def test_thresholds_are_settings():
    session = sessions(("A", 11, 39, 0.1, "Local", None, "S"))
    assert charge_attempts(status(*OCCUPIED), session, Thresholds(least_energy_kwh=0.05))["success"].all()


def test_a_session_without_reports_is_an_attempt_and_one_that_goes_on_is_none_yet():
    told = status(("A", 0, "AVAILABLE"), ("A", 50, "CHARGING"))
    known = sessions(("B", 5, 30, 8.0, None, None, "S"), ("A", 50, None, 1.0, None, None, "S"))
    found = charge_attempts(told, known)
    assert found["charger_id"].tolist() == ["B"]
    assert found["is_unknown"].all()  # no reason is known, and nothing says that it succeeded or failed
    assert not found["success"].any()
    with pytest.raises(CannotAnswer, match="not known whether they succeeded"):
        session_success(found)


def test_without_reports_or_sessions_there_are_no_attempts():
    nothing = pd.DataFrame(columns=["charger_id", "time", "status"])
    no_sessions = pd.DataFrame(columns=["charger_id", "start", "end", "energy_kwh"])
    assert charge_attempts(nothing, no_sessions).empty
    assert visits(charge_attempts(nothing, no_sessions)).empty
    assert charge_attempts(status(*OCCUPIED), no_sessions)["success"].tolist() == [False]
    assert charge_attempts(nothing, sessions(("A", 11, 39, 9.0, "Local", None, "S")))["success"].tolist() == [True]


def attempt(charger: str, start: float, end: float, success: bool, driver=None, site="S") -> tuple:
    return charger, DAY + start * MINUTE, DAY + end * MINUTE, True, 5.0, "AVAILABLE", driver, site, success


def attempts(*rows: tuple) -> pd.DataFrame:
    names = ["charger_id", "start", "end", "has_session", "energy_kwh", "next_status", "driver", "site_id", "success"]
    return pd.DataFrame(rows, columns=names)


def test_visits_gather_a_drivers_attempts_and_are_judged_by_the_last():
    frame = attempts(
        attempt("A", 0, 2, False, "d1"), attempt("B", 10, 40, True, "d1"),  # one visit, at two chargers
        attempt("A", 90, 95, False, "d1"),  # 50 minutes later: another
        attempt("C", 0, 1, False), attempt("C", 2.5, 30, True),  # unknown, 1.5 minutes apart: one visit
        attempt("C", 35, 36, False),  # 5 minutes apart: another
    )  # fmt: skip
    found = visits(frame).sort_values(["visitor", "start"])
    assert found["attempts"].tolist() == [2, 1, 2, 1]
    assert found["success"].tolist() == [True, False, True, False]
    figures = session_success(frame)
    assert (figures.attempts, figures.visits, figures.visit_success_share) == (6, 4, 0.5)
    assert (figures.first_attempt_share, figures.troubled_share, figures.failed_share) == (0, 0.5, 0.5)
    assert figures.attempts_per_visit == 1.5


def test_an_unknown_attempt_just_before_a_known_driver_is_theirs():
    near = visits(attempts(attempt("A", 0, 1, False), attempt("A", 2, 30, True, "d1")))
    assert near["attempts"].tolist() == [2]
    far = visits(attempts(attempt("A", 0, 1, False), attempt("A", 4, 30, True, "d1")))
    assert sorted(far["attempts"]) == [1, 1]


def test_one_good_attempt_is_enough_in_the_other_variant():
    frame = attempts(attempt("A", 0, 20, True, "d1"), attempt("A", 21, 22, False, "d1"))
    assert session_success(frame).visit_success_share == 0
    assert session_success(frame, Thresholds(any_attempt=True)).visit_success_share == 1


def test_every_reason_that_a_person_can_choose_is_known_to_the_programmes():
    assert {one.value: one.label.lower() for one in Exclusion} == {key: word.lower() for key, word in LABELS.items()}
    assert frozenset().union(*EXCLUSIONS.values()) == set(LABELS)
