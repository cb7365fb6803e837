"""The arrows between packages point one way."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def lint_imports(cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    return subprocess.run([*command, "--no-cache"], cwd=cwd, capture_output=True, text=True, check=False)


def test_every_import_follows_the_contracts():
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout
