"""The bill of materials names what browsers are sent, follows its schema, and says so where it does not."""

import json
from types import SimpleNamespace

import pytest

from deploy import bill_of_materials as bill

PACKAGES = json.loads(bill.VENDORED.read_text())["packages"]


@pytest.fixture(scope="module")
def whole():
    """The bill of an installation of one library, in place of the hundreds that are here, which take many seconds."""
    told = json.loads(bill.ours("requirements", "--output-reproducible", "-"))
    told["components"] = [bill.component(each) for each in PACKAGES]
    return told


def test_every_vendored_package_is_in_it_under_the_name_that_lists_of_holes_use(whole):
    bill.check(whole)
    names = {each["purl"] for each in whole["components"]}
    assert names == {f"pkg:npm/{each['name']}@{each['version']}" for each in PACKAGES}
    assert {"leaflet", "htmx.org"} <= {each["name"] for each in whole["components"]}
    assert all(len(each["hashes"][0]["content"]) == 128 for each in whole["components"])


def test_the_engines_inside_the_wheels_are_in_it_with_the_versions_that_they_say_themselves(whole):
    engines = bill.engines()
    bill.check({**whole, "components": [*whole["components"], *engines]})
    said = {each["name"]: (int(each["version"].split(".")[0]), each["cpe"]) for each in engines}
    assert said.keys() == {"PostgreSQL", "Valkey"}
    assert said["PostgreSQL"][0] == 18
    assert said["PostgreSQL"][1].startswith("cpe:2.3:a:postgresql:postgresql:18.")
    assert said["Valkey"][0] == 9


def test_it_asks_nobody_at_the_terminal(monkeypatch):
    asked = {}
    monkeypatch.setattr(bill.subprocess, "run", lambda *_, **named: asked.update(named) or SimpleNamespace(stdout=""))
    bill.ours("requirements", "-")
    assert asked["stdin"] == bill.subprocess.DEVNULL


def test_a_bill_that_does_not_follow_its_schema_is_refused(whole):
    with pytest.raises(ValueError, match="does not follow CycloneDX"):
        bill.check({**whole, "components": [{"type": "library"}]})
