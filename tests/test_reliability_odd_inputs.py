"""What is given in an odd shape is understood where it has one meaning, and refused in a sentence where it has not."""

import numpy as np
import pandas as pd
import pytest

from stations.spreadsheets import safe
from telemetry.reliability import associations, capacity, control_charts, impact, rates, uplift, uptime
from telemetry.reliability.answers import CannotAnswer
from telemetry.reliability.spells import outage_spells


def reports(*rows) -> pd.DataFrame:
    return pd.DataFrame([(1, *row) for row in rows], columns=["charger_id", "time", "status"])


def test_times_may_have_different_offsets_fractions_or_none():
    told = reports(
        ("2026-03-01T03:00:00+02:00", "FAULTED"),
        ("2026-03-01T02:00:00.500Z", "AVAILABLE"),
        ("2026-03-01 05:00", "OFFLINE"),
    )
    found = outage_spells(told, "2026-03-01", "2026-03-02T00:00:00Z")
    assert found["hours"].tolist() == pytest.approx([1 + 0.5 / 3600, 19])
    assert str(found["start"].dtype) == "datetime64[us, UTC]"
    naive = outage_spells(reports(("2026-03-01 01:00", "FAULTED")), "2026-03-01", "2026-03-02")
    assert str(naive["start"].dtype) == "datetime64[us]"
    with pytest.raises(CannotAnswer, match="row 0 cannot be read: 'soon'"):
        outage_spells(reports(("soon", "FAULTED")), "2026-03-01", "2026-03-02")


def test_naive_and_aware_times_may_meet():
    day = pd.Timestamp("2026-03-01")
    spells = outage_spells(
        pd.DataFrame({"charger_id": [1, 1, 2], "time": [day, day + pd.Timedelta(hours=5), day],
                      "status": ["AVAILABLE", "FAULTED", "AVAILABLE"]}), day, day + pd.Timedelta(days=10))  # fmt: skip
    watched = pd.DataFrame({"charger_id": [1, 2], "since": pd.to_datetime([day, day], utc=True)})
    halves = (day, "2026-03-05T00:00:00Z"), ("2026-03-05", day + pd.Timedelta(days=10))
    assert uplift.before_after(spells, watched, *halves).onsets_first == 1
    outages = spells.rename(columns={"charger_id": "port_id"}).assign(reason="", evidence="")
    ports = watched.rename(columns={"charger_id": "port_id"})
    assert len(uptime.monthly_uptime(outages, ports, "2026-04-01")) == 4  # the year and March, of two ports


def test_a_missing_cluster_is_said_by_its_row():
    frame = pd.DataFrame({"n": [1, 2, 3, 4], "h": [1.0] * 4, "x": [0, 1, 0, 1]})
    broken = ["a", "b", None, "a"]
    spells = pd.DataFrame({"hours": [1.0, 2, 3, 4], "left_censored": False, "right_censored": False})
    design = np.column_stack([np.ones(4), [0, 1, 1, 0]])
    for question in (
        lambda: impact.cluster_bootstrap(frame, broken, lambda part: part["n"].sum()),
        lambda: rates.mttr(spells, cluster=broken),
        lambda: rates.poisson_rate_model(frame, "n ~ x", "h", cluster=broken),
        lambda: associations.fit_logit([0, 1, 0, 1], design, cluster=broken),
        lambda: uplift.rate_ratio(frame["n"], frame["h"], [0, 1, 0, 1], broken),
    ):
        with pytest.raises(CannotAnswer, match="row 2 does not say of which cluster it is"):
            question()
    with pytest.raises(CannotAnswer, match="4 rows but 2 marks"):
        impact.cluster_bootstrap(frame, ["a", "b"], lambda part: part["n"].sum())


def test_a_group_without_events_has_a_finite_rate_ratio_and_is_said_to_be_separated():
    frame = pd.DataFrame({"n": [0, 0, 0, 3, 4, 5], "g": list("aaabbb"), "h": 10.0, "c": [1, 2, 3, 1, 2, 3]})
    for cluster in (None, "c"):
        found = rates.poisson_rate_model(frame, "n ~ g", "h", cluster)
        assert found.separated
        assert found.rate_ratios["g[T.b]"] == pytest.approx(25)  # half an event more in each group: 12.5 / 0.5
        assert found.standard_errors["Intercept"] >= 1 / np.sqrt(0.5) - 1e-6
    assert not rates.poisson_rate_model(frame.assign(n=[1, 0, 0, 3, 4, 5]), "n ~ g", "h").separated


def test_control_charts_and_queues_refuse_what_makes_no_sense():
    with pytest.raises(CannotAnswer, match="3 samples but 2 sizes"):
        control_charts.p_chart([1, 2, 3], [10, 10])
    for chargers, availability in ((0, 0.9), (np.nan, 0.9), (2, np.nan), (2, 1.5)):
        site = {"site_id": "S1", "arrivals_per_hour": 1.0, "session_hours": 0.5, "chargers": chargers,
                "availability": availability}  # fmt: skip
        with pytest.raises(CannotAnswer, match="'S1' needs at least one charger"):
            capacity.one_more_charger(pd.DataFrame([site]))


@pytest.mark.filterwarnings("error")
def test_queues_of_thousands_of_servers_are_counted_without_overflow():
    found = capacity.erlang_c(1900, 1, 2000)
    assert 0 < found.p_wait < 0.05
    assert found.lq == pytest.approx(found.p_wait * 1900 / 100)
    assert found.p0 >= 0
    many = pd.DataFrame({"site_id": ["S1"], "arrivals_per_hour": [1900.0], "session_hours": 1.0, "chargers": 2000,
                         "availability": 1.0})  # fmt: skip
    assert capacity.one_more_charger(many)["p_wait"].iloc[0] == pytest.approx(found.p_wait)


def test_words_that_begin_like_a_formula_in_full_width_get_an_apostrophe_too():
    for word in ("＝1+1", "＋1", "－1", "＠x", "\u3000=1", "=1"):
        assert safe(word) == f"'{word}"
    assert safe("plain") == "plain"
