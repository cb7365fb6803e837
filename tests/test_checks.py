"""What is set wrongly is said with an id and a hint, before anything starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core import checks

ROOT = Path(__file__).resolve().parent.parent


def test_the_settings_as_they_come_are_right():
    assert checks.run_checks(tags=["sntry"]) == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("REDIS_URL", "amqp://example.org", "sntry.E002"),
        ("DATA_TIME_ZONE", "Europe/Atlantis", "sntry.E004"),
        ("DATA_TIME_ZONE", "../etc/passwd", "sntry.E004"),
        ("RAW_DAYS", 0, "sntry.E005"),
        ("RESULT_DAYS", 0, "sntry.E005"),
        ("TICK_NOISE", "pink", "sntry.E006"),
        ("MAP_TILE_URL", "https://tiles.example.org/map.png", "sntry.E007"),
        ("MAP_TILE_URL", "https://tiles.example.org/{z}/{x}/{y}.png", "sntry.W001"),
        ("OSRM_URL", "osrm:5000", "sntry.E010"),
        ("GEMINI_PRICES", ["0.5"], "sntry.E011"),
        ("GEMINI_PRICES", ["cheap", "dear"], "sntry.E011"),
        ("GEMINI_PRICES", ["0.5", "NaN"], "sntry.E011"),
    ],
)
def test_a_wrong_setting_is_found_and_has_a_hint(settings, name, value, expected):
    setattr(settings, name, value)
    found = {message.id: message for message in checks.run_checks(tags=["sntry"])}
    assert expected in found
    assert found[expected].hint


def test_debug_for_other_hosts_is_warned_of(settings):
    settings.DEBUG, settings.ALLOWED_HOSTS = True, ["sntry.example.org"]
    assert [message.id for message in checks.run_checks(tags=["sntry"])] == ["sntry.W002"]


def test_an_open_data_directory_is_found(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    tmp_path.chmod(0o755)
    assert [message.id for message in checks.run_checks(tags=["sntry"])] == ["sntry.E008"]


def test_a_deployment_is_asked_for_https_and_its_own_engines(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    found = {message.id for message in checks.run_checks(tags=["sntry"], include_deployment_checks=True)}
    assert found - {"sntry.W005"} == {"sntry.W003", "sntry.W004", "sntry.W006"}


@pytest.mark.parametrize("is_asked_for", [True, False])
def test_a_deployment_is_warned_that_passwords_alone_let_staff_in(settings, is_asked_for):
    settings.STAFF_SECOND_FACTOR = is_asked_for
    found = {each.id: each for each in checks.run_checks(tags=["sntry"], include_deployment_checks=True)}
    assert ("sntry.W006" in found) != is_asked_for
    assert is_asked_for or "STAFF_SECOND_FACTOR" in found["sntry.W006"].hint


@pytest.mark.parametrize(("key", "is_warned_of"), [("", True), (None, True), ("k" * 50, False)])
def test_a_deployment_is_asked_for_a_key_of_its_own(monkeypatch, key, is_warned_of):
    if key is None:
        monkeypatch.delenv("SECRET_KEY", raising=False)
    else:
        monkeypatch.setenv("SECRET_KEY", key)
    found = {each.id: each for each in checks.run_checks(tags=["sntry"], include_deployment_checks=True)}
    assert ("sntry.W005" in found) == is_warned_of
    assert not is_warned_of or "SECRET_KEY" in found["sntry.W005"].hint


@pytest.mark.django_db
def test_the_database_is_new_enough():
    assert not [each for each in checks.run_checks(databases=["default"]) if each.id == "sntry.E009"]


def test_another_database_is_refused_before_anything_starts():
    result = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": "sqlite:///somewhere.db"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "(sntry.E001)" in result.stderr
