"""Workers are killed at any place of their work, again and again: every side effect happens, and counts once."""

import json
import os
import sys
from collections import defaultdict

from tests.receiver import Receiver

from .scoreboard import Scoreboard
from .world import World

RUNS = int(os.environ.get("FAULT_RUNS", "200"))


def run(board: Scoreboard, runs: int = RUNS) -> None:
    """Only the engines run; the driver forks what works and kills it."""
    receiver = Receiver()
    mailbox = {"EMAIL_BACKEND": "tests.faults.mailbox.Mailbox"}
    with World(**mailbox) as world:
        world.outside["FAULT_MAILBOX"] = str(world.home / "mailbox")
        world.start_engines()
        world.seed(webhook=f"{receiver.url}/hook", sites=6)
        said = world.python(
            "import runpy; runpy.run_module('tests.faults.effects_driver', run_name='__main__')",
            str(runs),
            outside=True,
            stderr=sys.stderr,
        )
        told = json.loads(said.splitlines()[-1])
        mails = [json.loads(line) for line in (world.home / "mailbox").read_text().splitlines()]
    receiver.stop()
    hooks, ids = defaultdict(list), defaultdict(set)
    for *_, body in receiver.calls:
        message = json.loads(body)
        hooks[message["id"]].append(body)
    for mail in mails:
        ids[mail["subject"]].add(mail["id"])
    wanted = {f"run:{number}" for number in range(runs)}
    missing = len(wanted - set(hooks)) + len({f"run {n}" for n in range(runs)} - set(ids))
    # What a receiver that keeps ids (as docs/webhooks-ocpi-exports.md asks) would do twice.
    changed = sum(len(set(bodies)) > 1 for bodies in hooks.values())
    strange_mails = sum(len(each) > 1 for each in ids.values())
    twice = changed + strange_mails + told["ticks_not_once"] + told["notes_twice"]
    again = sum(len(bodies) - 1 for bodies in hooks.values()) + len(mails) - len(ids)
    counted = f"{told['ticks']} ticks, {len(hooks)} messages, {len(ids)} mails, {told['notes']} notes"
    words = f"{twice} in {runs} runs ({counted}; {again} were sent again under the same id, for the receiver to drop)"
    board.note("effects_twice", twice, words, is_whole=runs >= 200)
    words = f"{missing} of {2 * runs} never came, {told['undone']} wait, {told['incidents_without']} without a note"
    left = missing + told["undone"] + told["incidents_without"]
    board.note("effects_missing", left, words, is_whole=runs >= 200)
