"""The arrows between packages point one way, and a wrong one is noticed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("sntry_site", "stations", "telemetry", "maintenance", "pricing")


def lint_imports(cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    return subprocess.run([*command, "--no-cache"], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path):
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_import_follows_the_contracts():
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("stations/access.py", "import telemetry.models"),
        ("telemetry/scoring.py", "import pricing.models"),
        ("pricing/models/policies.py", "import maintenance.models"),
        ("maintenance/models/people.py", "import sntry_site.tasks"),
        ("telemetry/risk/rule.py", "import django.conf"),
        ("telemetry/simulation/live.py", "import telemetry.models"),
        ("pricing/engine.py", "import django.db"),
        ("telemetry/scoring.py", "from telemetry.simulation_truth import oracle_risk"),
        ("telemetry/risk/classifier.py", "import telemetry.simulation_truth"),
    ],
)
def test_a_planted_wrong_import_breaks_a_contract(copy, file, line):
    path = copy / file
    path.write_text(path.read_text() + f"\n{line}\n")
    result = lint_imports(copy)
    assert result.returncode != 0
    assert "BROKEN" in result.stdout
