"""What nobody in the field could know: the hazard of every charger, and the best forecast there is.

Kept apart because whatever trains or scores must not see it: an import contract forbids it to.
"""

import numpy as np

from ..simulation.parameters import STEP_HOURS
from ..simulation.world import World


def true_hazard(world: World) -> np.ndarray:
    """Hazard per hour (13, n) of each cause at each charger of `world` in its next half-hour; NaN where it is down."""
    return np.where(world.state.is_up, world.hazard(), np.nan)


def oracle_risk(world: World, horizon_hours: float, rollouts: int = 4) -> np.ndarray:
    """Probability (n,) that a charger's next outage starts within `horizon_hours` from now; NaN where it is down.

    1 - E exp(-integral of the hazard) over roll-outs in which nothing fails (Feynman-Kac: a failure only ends the
    wait). Along the path that really happens the hazard falls to nothing while the charger is down, and an oracle
    made of that ranks worse than a fitted model. Weather and demand to come are known; cars, connections,
    firmware shocks and what falls into trouble are drawn anew in each roll-out. `world` is left as it was.

    A charger that is broken and has not been found out yet counts as working, since its status says so: its risk is
    the share of roll-outs in which it is found out.

    Raises ValueError for a horizon below half an hour or no roll-outs.
    """
    steps = round(horizon_hours / STEP_HOURS)
    if steps < 1 or rollouts < 1:
        raise ValueError("the horizon must be half an hour at least, and there must be a roll-out")
    survival = np.zeros(len(world.chargers))
    for luck in range(1, rollouts + 1):
        fork, total = world.fork(luck), np.zeros(len(world.chargers))
        for _ in range(steps):
            fork.advance()
            total += fork.stopping.sum(0) * STEP_HOURS
        still_silent = world.state.is_silent & fork.state.is_silent
        survival += np.where(world.state.is_silent, still_silent, np.exp(-total))
    return np.where(world.state.seems_up, 1 - survival / rollouts, np.nan)
