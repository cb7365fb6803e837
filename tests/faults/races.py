"""Twenty at once want the same: one gets it, and a control without a condition shows that the race is one."""

import json
import os
import sys

from .scoreboard import Scoreboard
from .world import World

ROUNDS = int(os.environ.get("FAULT_RACES", "30"))


def run(board: Scoreboard, rounds: int = ROUNDS) -> None:
    with World() as world:
        world.start_engines()
        world.seed(sites=4)
        said = world.python(
            "import runpy; runpy.run_module('tests.faults.races_driver', run_name='__main__')",
            str(rounds),
            outside=True,
            stderr=sys.stderr,
        )
    told = json.loads(said.splitlines()[-1])
    note(board, told["won"], told["strange"], rounds)


def note(board: Scoreboard, won: dict[str, list[int]], strange: list[str], rounds: int) -> None:
    """`won`: how many got it, each race and round; `strange`: exceptions that are no way to lose."""
    control = won.pop("control")
    wrong = sum(number != 1 for numbers in won.values() for number in numbers)
    spread = ", ".join(f"{name.replace('_', ' ')} {min(numbers)}-{max(numbers)}" for name, numbers in won.items())
    words = f"{wrong} of {rounds * len(won)} without exactly one winner ({spread}), {len(strange)} strange exceptions"
    is_whole = rounds >= 30
    board.note("races", wrong + len(strange), "; ".join([words, *strange[:3]]), is_whole=is_whole)
    lost = sum(number > 1 for number in control)
    board.note("race_control", lost, f"{lost} of {rounds} rounds had several, up to {max(control)}", is_whole=is_whole)
