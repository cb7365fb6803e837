"""The life of a work order as one table: from which state to which, and who may do it. Pure: no database, no clock."""

from .states import State

LOOP, TECHNICIAN, DISPATCHER, OPS = "loop", "technician", "dispatcher", "ops"  # the loop: rules and simulated crews
ROLES = (LOOP, TECHNICIAN, DISPATCHER, OPS)

_DESK = frozenset({LOOP, DISPATCHER, OPS})
_ANYBODY = frozenset(ROLES)
_PEOPLE_AT_DESKS = frozenset({DISPATCHER, OPS})
_PEOPLE = frozenset({TECHNICIAN, DISPATCHER, OPS})
_LEAVE = {State.CANCELLED: _DESK, State.DUPLICATE: _PEOPLE}  # a technician of his or her own, and nobody's is not

TRANSITIONS: dict[State, dict[State, frozenset[str]]] = {
    State.NEW: {State.TRIAGED: _DESK, **_LEAVE},
    State.TRIAGED: {State.ASSIGNED: _DESK, **_LEAVE},
    State.ASSIGNED: {State.ACCEPTED: _ANYBODY, State.TRIAGED: _ANYBODY, **_LEAVE},
    State.ACCEPTED: {State.EN_ROUTE: _ANYBODY, State.ASSIGNED: _DESK, State.TRIAGED: _ANYBODY, **_LEAVE},
    State.EN_ROUTE: {
        State.IN_PROGRESS: _ANYBODY,
        State.ACCEPTED: _ANYBODY,
        State.COULD_NOT_COMPLETE: _ANYBODY,
        **_LEAVE,
    },
    State.IN_PROGRESS: {
        State.ON_HOLD: _ANYBODY,
        State.RESOLVED: _ANYBODY,
        State.COULD_NOT_COMPLETE: _ANYBODY,
        State.CANCELLED: _DESK,
    },
    State.ON_HOLD: {
        State.IN_PROGRESS: _ANYBODY,
        State.ASSIGNED: _DESK,
        State.COULD_NOT_COMPLETE: _ANYBODY,
        State.CANCELLED: _DESK,
    },
    State.RESOLVED: {State.VERIFIED: frozenset({LOOP, OPS}), State.IN_PROGRESS: _ANYBODY},
    State.VERIFIED: {State.CLOSED: _DESK, State.IN_PROGRESS: _PEOPLE_AT_DESKS},
    State.CLOSED: {},
    State.CANCELLED: {},
    State.DUPLICATE: {},
    State.COULD_NOT_COMPLETE: {},
}


def sources(to: State | str, roles) -> list[str]:
    """The states from which somebody with any of `roles` may bring an order into `to`."""
    roles = frozenset(roles)
    return [
        str(state.value) for state, following in TRANSITIONS.items() if following.get(State(to), frozenset()) & roles
    ]


def following(state: State | str, roles) -> list[State]:
    """The states into which somebody with any of `roles` may bring an order in `state`, in the table's order."""
    roles = frozenset(roles)
    return [to for to, allowed in TRANSITIONS[State(state)].items() if allowed & roles]


def refusal(state: State | str, to: State | str, roles) -> str | None:
    """Why nobody with these roles may make this step, as a sentence; None if somebody may."""
    state, to = State(state), State(to)
    allowed = TRANSITIONS[state].get(to)
    if allowed is None:
        choices = ", ".join(each.label.lower() for each in TRANSITIONS[state]) or "nothing: the order has ended"
        return f"An order that is {state.label.lower()} cannot become {to.label.lower()}; what can follow is {choices}."
    if not allowed & frozenset(roles):
        people = " or ".join(role for role in ROLES if role in allowed and role != LOOP) or "the loop"
        return f"Only {people} may make an order {to.label.lower()} that is {state.label.lower()}."
    return None
