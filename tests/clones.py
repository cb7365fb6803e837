"""Copies of the embedded launcher in folders of their own, so that tests may crash engines that nobody else uses."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PREAMBLE = """\
import contextlib, os, signal, sys, time
from sntry_site import embedded
from sntry_site.embedded import launcher, ordinary_user
from sntry_site.embedded.addresses import VAR_DIR, runtime_dir
VALKEY, POSTGRES = launcher.ENGINES
"""


class Clone:
    """A folder with the launcher in it, in which Python code is run by processes of their own."""

    def __init__(
        self, folder: Path, *, before: tuple[str, ...] = (), python: str = sys.executable, packages: Path | str = ""
    ) -> None:
        self.folder, self.command = folder, [*before, python]
        self.path = os.pathsep.join(filter(None, [str(folder), str(packages)]))
        shutil.copytree(ROOT / "sntry_site" / "embedded", folder / "sntry_site" / "embedded")
        (folder / "sntry_site" / "__init__.py").touch()

    def start(self, code: str, *flags: str, **environment: str) -> subprocess.Popen:
        """Run `code` in the background; its output is in `communicate()`."""
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return subprocess.Popen(
            [*self.command, *flags, "-c", PREAMBLE + textwrap.dedent(code)],
            cwd=self.folder,
            env={**keep, "PYTHONPATH": self.path, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, code: str, *flags: str, **environment: str) -> str:
        """Run `code` and return what it printed; its complaint is the failure of the test."""
        process = self.start(code, *flags, **environment)
        output, complaint = process.communicate(timeout=300)
        assert process.returncode == 0, complaint
        return output.strip()

    def refusal(self, code: str = "embedded.ensure_running()", *flags: str, **environment: str) -> str:
        """The sentence with which `code` is refused."""
        return self.run(
            f"try:\n    {code}\nexcept embedded.EnginesUnavailable as error:\n    print(error)\nelse:\n    sys.exit(1)",
            *flags,
            **environment,
        )

    def query(self, statement: str) -> str:
        """What the clone's own PostgreSQL answers."""
        return self.run(
            f"""
            import subprocess
            psql = [POSTGRES.programs / "psql", "-h", runtime_dir(), "-U", "sntry", "-Atqc", {statement!r}, "sntry"]
            sys.exit(subprocess.run(psql, check=False).returncode)
            """
        )

    def process_id(self, engine: str) -> int:
        """The living process of POSTGRES or VALKEY, 0 if there is none."""
        return int(self.run(f"print({engine}.process_id() or 0)"))

    def remove(self) -> None:
        """Stop its engines and forget it."""
        self.run("embedded.stop(); import shutil; shutil.rmtree(runtime_dir(), ignore_errors=True)")
        shutil.rmtree(self.folder, ignore_errors=True)
