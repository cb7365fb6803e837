"""The table of what may follow what in a work order's life holds together."""

import pytest

from maintenance.states import ENDED_STATES, State
from maintenance.transitions import ROLES, TRANSITIONS, following, refusal, sources


def reachable(begin: State, roles) -> set[State]:
    seen, left = {begin}, [begin]
    while left:
        new = set(following(left.pop(), roles)) - seen
        seen |= new
        left += new
    return seen


def test_every_state_is_in_the_table_and_only_ended_ones_lead_nowhere():
    assert set(TRANSITIONS) == set(State)
    assert {state for state, after in TRANSITIONS.items() if not after} == set(ENDED_STATES)


@pytest.mark.parametrize("state", [state for state in State if state not in ENDED_STATES])
def test_from_every_state_the_loop_alone_and_ops_alone_can_come_to_an_end(state):
    for role in ("loop", "ops"):
        assert reachable(state, [role]) & set(ENDED_STATES)
    assert state in reachable(State.NEW, ROLES)


def test_a_technician_alone_neither_cancels_verifies_nor_closes():
    own = {to for state in State for to in following(state, ["technician"])}
    assert not own & {State.CANCELLED, State.VERIFIED, State.CLOSED}


def test_sources_following_and_refusals_say_the_same():
    for role in (*ROLES, "viewer"):
        for state in State:
            allowed = following(state, [role])
            for to in State:
                assert (to in allowed) == (state.value in sources(to, [role])) == (refusal(state, to, [role]) is None)


def test_refusals_say_what_can_be_done_instead():
    assert refusal("closed", "new", ["ops"]).endswith("what can follow is nothing: the order has ended.")
    assert "what can follow is triaged, cancelled, duplicate" in refusal("new", "closed", ["ops"])
    assert refusal("resolved", "verified", ["dispatcher"]) == "Only ops may make an order verified that is resolved."
