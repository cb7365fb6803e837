"""Turn-by-turn sentences. OSRM says what a turn is, never how to say it; the sentences are made here.

Source: OSRM's HTTP API, *StepManeuver*: types that are not known must be treated as `turn`.
"""

import math
from dataclasses import dataclass

from maintenance.plain_text import readable

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
COMPASS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
TURNS = {
    "uturn": "Make a U-turn",
    "sharp right": "Turn sharp right",
    "right": "Turn right",
    "slight right": "Bear right",
    "straight": "Go straight on",
    "slight left": "Bear left",
    "left": "Turn left",
    "sharp left": "Turn sharp left",
}
LONGEST = 80


@dataclass(frozen=True)
class Maneuver:
    """What to do at one place, in OSRM's words; all but the type may be empty."""

    type: str
    modifier: str = ""
    name: str = ""  # of the road that follows
    ref: str = ""  # its number, such as I 35
    exit: int | None = None  # which one to take, out of a roundabout
    destinations: str = ""  # what the sign says
    rotary_name: str = ""
    bearing_after: float | None = None  # degrees from north, clockwise


def sentence(maneuver: Maneuver) -> str:
    """One English sentence for a maneuver. Never fails: what is unknown is left out."""
    return f"{_SENTENCES.get(maneuver.type, _turn)(maneuver)}."


def _road(maneuver: Maneuver) -> str:
    """What the road is called, with its number; empty if neither is known."""
    name, ref = readable(maneuver.name, LONGEST), readable(maneuver.ref, 20)
    if name and ref and ref not in name:
        return f"{name} ({ref})"
    return name or ref


def _onto(maneuver: Maneuver, word: str = "onto") -> str:
    road, sign = _road(maneuver), readable(maneuver.destinations, LONGEST)
    onto = f" {word} {road}" if road else ""
    return f"{onto} towards {sign}" if sign else onto


def _side(maneuver: Maneuver) -> str:
    """Left or right, or nothing."""
    for side in ("left", "right"):
        if side in maneuver.modifier:
            return side
    return ""


def _turn(maneuver: Maneuver) -> str:
    return f"{TURNS.get(maneuver.modifier, 'Turn')}{_onto(maneuver)}"


def _goes_on(maneuver: Maneuver) -> str:
    if maneuver.modifier == "uturn":
        return _turn(maneuver)
    side = _side(maneuver)
    return f"Keep {side}{_onto(maneuver, 'on')}" if side else f"Continue{_onto(maneuver, 'on')}"


def _depart(maneuver: Maneuver) -> str:
    if maneuver.bearing_after is None or not math.isfinite(maneuver.bearing_after):
        return f"Start{_onto(maneuver, 'on')}"
    towards = COMPASS[round(maneuver.bearing_after / 45) % 8]
    return f"Head {towards}{_onto(maneuver, 'on')}"


def _arrive(maneuver: Maneuver) -> str:
    side = _side(maneuver)
    if side:
        return f"You have arrived; it is on the {side}"
    return "You have arrived; it is straight ahead" if maneuver.modifier == "straight" else "You have arrived"


def _merge(maneuver: Maneuver) -> str:
    side = _side(maneuver)
    return f"Merge {side}{_onto(maneuver)}" if side else f"Merge{_onto(maneuver)}"


def _ramp(maneuver: Maneuver) -> str:
    side = _side(maneuver)
    return f"Take the ramp{f' on the {side}' if side else ''}{_onto(maneuver)}"


def _off_ramp(maneuver: Maneuver) -> str:
    side = _side(maneuver)
    return f"Take the exit{f' on the {side}' if side else ''}{_onto(maneuver)}"


def _fork(maneuver: Maneuver) -> str:
    side = _side(maneuver)
    return f"Keep {side or 'straight on'} at the fork{_onto(maneuver)}"


def _end_of_road(maneuver: Maneuver) -> str:
    turn = TURNS.get(maneuver.modifier, "Turn")
    return f"{turn} at the end of the road{_onto(maneuver)}"


def _roundabout(maneuver: Maneuver) -> str:
    circle = readable(maneuver.rotary_name, LONGEST) or "the roundabout"
    if maneuver.exit and 1 <= maneuver.exit <= len(ORDINALS):
        return f"At {circle}, take the {ORDINALS[maneuver.exit - 1]} exit{_onto(maneuver)}"
    return f"Enter {circle}{_onto(maneuver, 'and leave it onto')}"


def _roundabout_turn(maneuver: Maneuver) -> str:
    turn = TURNS.get(maneuver.modifier, "Turn")
    return f"{turn} at the roundabout{_onto(maneuver)}"


def _exit_roundabout(maneuver: Maneuver) -> str:
    return f"Leave the roundabout{_onto(maneuver)}"


_SENTENCES = {
    "depart": _depart,
    "arrive": _arrive,
    "new name": _goes_on,
    "continue": _goes_on,
    "notification": _goes_on,
    "use lane": _goes_on,
    "merge": _merge,
    "ramp": _ramp,
    "on ramp": _ramp,
    "off ramp": _off_ramp,
    "fork": _fork,
    "end of road": _end_of_road,
    "roundabout": _roundabout,
    "rotary": _roundabout,
    "roundabout turn": _roundabout_turn,
    "exit roundabout": _exit_roundabout,
    "exit rotary": _exit_roundabout,
}
