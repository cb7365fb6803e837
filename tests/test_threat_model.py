"""What the threat model says is held by a test is held by one that exists."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_every_test_and_file_that_the_threat_model_names_is_there():
    text = (ROOT / "THREAT_MODEL.md").read_text()
    named = set(re.findall(r"`(test_[a-z_*]+)`", text))
    missing = [name for name in named if not list((ROOT / "tests").glob(f"{name}.py"))]
    assert missing == []
    assert len(named) > 40


def test_every_control_of_the_reference_has_its_row():
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "THREAT_MODEL.md").read_text(), re.MULTILINE)
    assert [int(row) for row in rows] == list(range(1, 32))
