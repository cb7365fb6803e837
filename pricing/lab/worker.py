"""One process of the lab: lives the runs of its seeds that have no result yet. Started by `compare`."""

import json
import os
import sys
from pathlib import Path

import numpy as np

from .compare import Comparison
from .loop import Lived, lab_network, live, moved_outages


def live_seeds(comparison: Comparison, folder: Path, seeds: list[int], parent: int) -> None:
    """Live all runs of `seeds`, one elasticity after the other; ends early when what started this process is gone."""
    for elasticity in comparison.elasticities:
        for seed in seeds:
            wanted = [
                policy
                for policy in comparison.policies
                if not comparison.file(folder, seed, policy, elasticity).exists()
            ]
            if not wanted and comparison.file(folder, seed, None, None).exists():
                continue
            sites = lab_network(comparison.sites, seed)
            base = _base(comparison, folder, seed, sites)
            for policy in wanted:
                if os.getppid() != parent:
                    return
                lived = live(sites, policy, elasticity, seed, comparison.days)
                moved = moved_outages(lived, base)
                _keep(comparison.file(folder, seed, policy, elasticity), {"totals": lived.totals | {"moved": moved}})


def _base(comparison: Comparison, folder: Path, seed: int, sites) -> Lived:
    """The run without a policy, from its file if it has been lived."""
    path = comparison.file(folder, seed, None, None)
    if path.exists():
        kept = json.loads(path.read_text())
        return Lived(kept["totals"], np.array(kept["outages"], int).reshape(-1, 2), np.zeros((0, 0), bool))
    lived = live(sites, None, -0.1, seed, comparison.days)
    _keep(path, {"totals": lived.totals | {"moved": 0}, "outages": lived.outages.tolist()})
    return lived


def _keep(path: Path, result: dict) -> None:
    """Write it whole or not at all."""
    written = path.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps(result))
    written.replace(path)


if __name__ == "__main__":
    os.nice(10)  # because ticks and pages go first
    where, what, which = sys.argv[1:]
    live_seeds(Comparison.from_json(what), Path(where), json.loads(which), os.getppid())
