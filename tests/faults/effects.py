"""Workers are killed at any place of their work, again and again: every side effect happens, and counts once."""

import json
import os
import sys
from collections import defaultdict

from tests.receiver import Receiver

from .scoreboard import Scoreboard
from .world import World

Pairs = list[tuple[str, str]]
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
    messages = [(json.loads(body)["id"], body.decode()) for *_, body in receiver.calls]
    mails = [each for each in mails if each["subject"].startswith(("run:", "calm:"))]
    note(board, told, messages, [(each["subject"], each["id"]) for each in mails], runs)


def note(board: Scoreboard, told: dict, messages: Pairs, mails: Pairs, runs: int) -> None:
    """`told`: what the database holds; what was received, as (key, what a receiver knows it by), each time it came."""
    received = defaultdict(list)
    for kind, pairs in (("message", messages), ("mail", mails)):
        for key, known_by in pairs:
            received[f"{kind} {key}"].append(known_by)
    # What a receiver that keeps ids (as docs/webhooks-ocpi-exports.md asks) would do twice.
    strange = sum(len(set(each)) > 1 for each in received.values())
    unasked = [name for name, each in received.items() if len(each) > told["attempts"].get(name, 0)]
    twice = strange + len(unasked) + told["ticks_not_once"] + told["notes_twice"]
    again = sum(len(each) - 1 for name, each in received.items() if " run:" in name)
    calm = [len(each) - 1 for name, each in received.items() if " calm:" in name]
    counted = f"{told['ticks']} ticks, {len(received)} messages and mails, {told['notes']} notes"
    words = (
        f"{twice} in {runs} runs ({counted}; {again} sent again under the same id, {len(unasked)} oftener than tried)"
    )
    board.note("effects_twice", twice, words, is_whole=runs >= 200)
    words = f"{sum(calm)} of {len(calm)} mails and messages by two deliverers at once"
    board.note("effects_again", sum(calm) if calm else float("inf"), words, is_whole=runs >= 200)
    wanted = {f"{kind} {round}:{number}" for kind in ("message", "mail") for round in ("run", "calm")
              for number in range(runs)}  # fmt: skip
    missing = len(wanted - set(received))
    words = f"{missing} of {len(wanted)} never came, {told['undone']} wait, {told['incidents_without']} without a note"
    left = missing + told["undone"] + told["incidents_without"]
    board.note("effects_missing", left, words, is_whole=runs >= 200)
