"""Root causes: evidence, rules, the classifier of what technicians found, and groups without labels."""

import numpy as np
import pytest

from telemetry.management.commands.diagnose_causes import lived_failures
from telemetry.models import Cause
from telemetry.risk import cause_discovery
from telemetry.risk.cause_classifier import SURE_FROM, train
from telemetry.risk.cause_evidence import EVIDENCE, Failures, outages_in_hour, siblings_at_once
from telemetry.risk.cause_report import evaluate, macro_f1
from telemetry.risk.cause_rules import by_rules, expected_by_rules
from telemetry.risk.taxonomy import CAUSES, REPAIRS, UNKNOWN

NOON = 1_780_000_000


@pytest.fixture(scope="module")
def lived():
    return lived_failures("typical", 120, 150, 3, lambda *_: None)


@pytest.fixture(scope="module")
def judged(lived):
    told, expected, found, truth = lived
    return evaluate(told, expected, found, truth)


def failures(*codes: tuple[str, str], **columns) -> Failures:
    """Failures of one charger each, with (error code, vendor's code); columns of the evidence by name."""
    features = np.zeros((len(codes), len(EVIDENCE)), "f4")
    for name, values in columns.items():
        features[:, EVIDENCE.index(name)] = values
    error, vendor = (np.array(column, "U50") for column in zip(*codes, strict=True))
    place = np.arange(len(codes))
    return Failures(features, error, vendor, place, place, np.full(len(codes), NOON))


def test_the_names_of_causes_are_the_same_everywhere():
    assert {*CAUSES, UNKNOWN} == set(Cause.values)
    assert all(repair.part and repair.skill and repair.onsite_minutes > 0 for repair in REPAIRS)


def test_the_site_is_looked_at_before_the_port():
    alone = failures(("GroundFailure", "CX002"), is_offline=0, siblings_at_once=0)
    dark = failures(("InternalError", ""), is_offline=1, siblings_at_once=1)
    line = failures(("WeakSignal", "CX007"), is_offline=1, siblings_at_once=1)
    busy = failures(("GroundFailure", "CX002"), is_offline=0, siblings_at_once=1)
    causes = [by_rules(one)[0][0] for one in (alone, dark, line, busy)]
    assert causes == ["ground_gfci", "grid_supply", "comms_backhaul", "ground_gfci"]
    assert by_rules(dark)[1][0] == "100 % of the site's other ports fell silent with it"


def test_a_code_of_several_meanings_is_no_rule_and_the_vendors_code_goes_first():
    told = failures(("InternalError", ""), ("HighTemperature", ""), ("HighTemperature", "CX018"), ("", ""))
    assert by_rules(told)[0].tolist() == ["", "", "connector_cable", ""]


def test_heat_under_load_points_to_cooling_while_no_model_tells():
    load, ambient = np.array([0.98, 0.98, 0.3]), np.array([40.5, 20, 40.5])
    assert expected_by_rules(load, ambient).tolist() == ["cooling_thermal", UNKNOWN, UNKNOWN]


def test_codes_are_strings_of_strangers():
    told = failures(("<script>alert(1)</script>", "'; DROP TABLE x"), ("\u202e\x00", "🔥" * 12))
    assert by_rules(told)[0].tolist() == ["", ""]


def test_chargers_that_stop_together_are_counted_once_and_later_ones_not():
    site = np.array([1, 1, 1, 1, 2])
    charger = np.array([10, 11, 12, 12, 20])
    second = NOON + np.array([0, 0, -200, -100, 0])
    count = siblings_at_once(site, charger, second, site, charger, second)
    assert count.tolist() == [2, 2, 0, 0, 0]
    assert outages_in_hour(np.array([NOON]), NOON - np.array([10, 3599, 3700, -60]), 2000).tolist() == [1.0]


def test_causes_are_told_as_well_as_was_asked_for_on_failures_that_came_later(judged):
    _, report = judged
    best, every, rules = report["ways"][:3]
    assert best["macro_f1"]["value"] >= 0.75
    assert best["top_3"]["value"] >= 0.9
    assert best["accuracy"]["interval"][0] > rules["accuracy"]["value"]
    assert every["top_3"]["value"] >= 0.9


def test_groups_follow_causes_and_not_the_hardware_as_four_raw_groups_do(judged):
    agreed = judged[1]["groups"]["agreement"]
    assert abs(agreed["k_means"]["kind"]["value"]) < 0.2
    assert agreed["k_means"]["cause"]["value"] > 0.4
    assert agreed["four_raw_groups"]["kind"]["value"] > agreed["k_means"]["kind"]["value"] + 0.2
    assert agreed["four_raw_groups"]["cause"]["value"] < 0.2


def test_what_is_less_likely_than_not_is_unknown_and_the_three_likeliest_are_in_order(judged, lived):
    diagnoses = judged[0].foresee(lived[1].where(np.arange(400)))
    unsure = diagnoses.confidence < SURE_FROM
    assert unsure.any()
    assert (diagnoses.cause[unsure] == UNKNOWN).all()
    assert (diagnoses.cause[~unsure] == diagnoses.ranked[~unsure, 0]).all()
    assert (np.diff(diagnoses.chances, axis=1) <= 0).all()
    assert all(diagnoses.evidence)


def test_a_code_that_nobody_has_seen_does_not_break_a_diagnosis(judged):
    diagnoses = judged[0].diagnose(failures(("Zebra", "Z-1"), ("OtherError", "")))
    assert len(diagnoses) == 2
    assert np.isfinite(diagnoses.chances).all()


def test_too_few_findings_are_refused_with_what_is_needed(lived):
    told, expected, found, _ = lived
    few = np.flatnonzero(found != "")[:10]
    with pytest.raises(ValueError, match="at least 50 failures with a cause that somebody found"):
        train(told.where(few), expected.where(few), found[few])
    with pytest.raises(ValueError, match="no cause 'rust'"):
        train(told.where(few), expected.where(few), np.full(10, "rust"))
    with pytest.raises(ValueError, match="160 failures are needed"):
        cause_discovery.discover(told.where(few))


def test_macro_f1_agrees_with_scikit_learn():
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(1)
    answer, said = (rng.choice(CAUSES, 500) for _ in range(2))
    assert macro_f1(answer, said) == pytest.approx(f1_score(answer, said, average="macro"))
