"""Many runs at once: a process for each core and a file for each run, so that what was interrupted goes on."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import TextIO

from ..policy import Policy
from .measures import NONE

VERSION = 2  # of what a run means: results of another version are left alone
ROOT = Path(__file__).resolve().parents[2]
_WORDS = ("name", "mode", "trigger")


class LabFailed(Exception):
    """A process of the lab stopped; the message is the last line that it wrote."""


@dataclass(frozen=True)
class Comparison:
    """What is to be compared; `policies` without the name `none`, which is always lived as well."""

    policies: tuple[Policy, ...]
    elasticities: tuple[float, ...]
    seeds: int
    days: int
    sites: int

    def runs(self, seed: int) -> list[tuple[Policy | None, float | None]]:
        """Policy and elasticity of each run of a seed; without a policy elasticity makes no difference."""
        return [(None, None), *((policy, each) for policy in self.policies for each in self.elasticities)]

    @property
    def total(self) -> int:
        return self.seeds * len(self.runs(0))

    def file(self, folder: Path, seed: int, policy: Policy | None, elasticity: float | None) -> Path:
        """Where the result of a run is kept, named by all that it depends on."""
        numbers = {**asdict(policy), "version": 0, "id": 0} if policy else None
        key = json.dumps([VERSION, numbers, elasticity, seed, self.days, self.sites], default=_plain, sort_keys=True)
        return folder / f"{policy.name if policy else NONE}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=_plain)

    @classmethod
    def from_json(cls, text: str) -> "Comparison":
        values = json.loads(text)
        policies = tuple(_policy(each) for each in values.pop("policies"))
        return cls(policies=policies, elasticities=tuple(values.pop("elasticities")), **values)


def _plain(value) -> str:
    """Decimals without trailing zeros, so that 1.2500 is 1.25."""
    return format(value.normalize(), "f")


def _policy(values: dict) -> Policy:
    money = {each.name for each in fields(Policy)} - set(_WORDS)
    return Policy(
        **{
            name: Decimal(value) if name in money and isinstance(value, str) else value
            for name, value in values.items()
        }
    )


def compare(comparison: Comparison, folder: Path, progress, processes: int | None = None) -> list[dict]:
    """Live all runs that have no result yet, with a process for each core; returns the rows of all.

    Raises LabFailed with what a process wrote last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = min(processes or os.cpu_count() or 1, comparison.seeds)
    is_done = done(comparison, folder) == comparison.total
    shares = [] if is_done else [list(range(1 + first, comparison.seeds + 1, count)) for first in range(count)]
    with ExitStack() as files:
        # Files, because a process that writes more than a pipe holds would wait for somebody to read it.
        errors = [files.enter_context(tempfile.TemporaryFile("w+")) for _ in shares]
        workers = [_start(comparison, folder, *each) for each in zip(shares, errors, strict=True)]
        try:
            while any(worker.poll() is None for worker in workers):
                progress(done(comparison, folder), comparison.total, "Living in the worlds")
                time.sleep(0.5)
            for worker, written in zip(workers, errors, strict=True):
                _raise_if_failed(worker.returncode, written)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
    rows = rows_of(comparison, folder)
    progress(len(rows), comparison.total, "All worlds lived")
    return rows


def _start(comparison: Comparison, folder: Path, seeds: Sequence[int], errors: TextIO) -> subprocess.Popen:
    """A process of its own, because a worker of the queue may not have children that share its memory."""
    command = [sys.executable, "-m", "pricing.lab.worker", str(folder), comparison.to_json(), json.dumps(seeds)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=errors, text=True)


def _raise_if_failed(code: int, errors: TextIO) -> None:
    if code:
        errors.seek(0)
        said = errors.read().strip().splitlines()
        raise LabFailed(said[-1] if said else f"A process of the lab ended with {code}.")


def done(comparison: Comparison, folder: Path) -> int:
    """How many results are there."""
    runs = ((seed, run) for seed in range(1, comparison.seeds + 1) for run in comparison.runs(seed))
    return sum(comparison.file(folder, seed, *run).exists() for seed, run in runs)


def rows_of(comparison: Comparison, folder: Path) -> list[dict]:
    """The results that are there: seed, policy, elasticity and totals of each run."""
    rows = []
    for seed in range(1, comparison.seeds + 1):
        for policy, elasticity in comparison.runs(seed):
            path = comparison.file(folder, seed, policy, elasticity)
            if path.exists():
                totals = json.loads(path.read_text())["totals"]
                name = policy.name if policy else NONE
                rows.append({"seed": seed, "policy": name, "elasticity": elasticity, "totals": totals})
    return rows
