"""The world looks like the field: its statistics lie within published bands, and the document names its numbers."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from telemetry.simulation.check import findings, sample
from telemetry.simulation.check_page import report_page
from telemetry.simulation.check_report import check_report
from telemetry.simulation.network import network
from telemetry.simulation.parameter_tables import parameter_tables
from telemetry.simulation.parameters import SCENARIOS

START = np.datetime64("2025-07-01")


def lived(scenario: str, sites: int, days: int):
    return sample(network(sites, 1), START, days, 1, SCENARIOS[scenario], lambda *_: None)


@pytest.fixture(scope="module")
def typical():
    return lived("typical", 150, 75)


def test_a_typical_network_lies_within_every_band(typical):
    found = findings(typical, SCENARIOS["typical"])
    assert len(found) == 16
    assert [f"{one.name}: {one.value:.3g}" for one in found if not one.holds] == []


@pytest.mark.parametrize("scenario", ["good", "poor"])
def test_what_a_scenario_is_about_lies_in_its_bands(scenario):
    found = {one.name: one for one in findings(lived(scenario, 100, 45), SCENARIOS[scenario])}
    assert found["availability"].holds
    assert found["downtime in outages of a day or more"].holds
    assert found["outage starts of the busiest tenth of ports"].holds
    assert found["failed sessions: internal"].holds
    assert found["failed sessions: connectivity"].holds


def test_a_figure_outside_of_its_band_is_told(typical):
    found = findings(typical, SCENARIOS["poor"])
    assert next(one.name for one in found if not one.holds) == "availability"


def test_intervals_hold_the_figures_and_shrink_with_the_network(typical):
    whole = {one.name: one for one in findings(typical, SCENARIOS["typical"])}
    some = {one.name: one for one in findings(typical.of(typical.site < 40), SCENARIOS["typical"])}
    for name in ("availability", "outage starts of the busiest tenth of ports", "visits for payment"):
        (low, high), (lower, higher) = whole[name].interval, some[name].interval
        assert low < whole[name].value < high
        assert high - low < higher - lower


def test_the_page_shows_every_finding_and_six_plots_and_escapes_its_title(typical):
    report = check_report(typical, SCENARIOS["typical"])
    text = report_page(report, "<script>alert(1)</script>", "")
    assert "<script>" not in text
    assert all(one["name"] in text for one in report["findings"])
    assert text.count('role="img"') == 6
    assert not re.search(r"(?:src|href)=", text)
    assert "nan" not in text.lower().replace("maintenance", "")
    assert json.dumps(report, allow_nan=False)


def test_the_command_shows_the_report_and_writes_the_page(tmp_path, capsys):
    page = tmp_path / "world.html"
    with pytest.raises(CommandError, match="Outside of their bands"):  # a few sites for a few days cannot look like it
        call_command("check_world", sites=3, days=2, page=str(page))
    assert "comms_backhaul" in capsys.readouterr().out
    assert page.read_text().startswith("<!doctype html>")


def test_the_document_names_every_parameter_with_its_value_and_source():
    text = Path(__file__).parent.parent.joinpath("docs", "simulation.md").read_text()
    assert parameter_tables() in text, "run: manage.py check_world --parameters, and put it into docs/simulation.md"
