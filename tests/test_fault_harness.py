"""The tools of the fault harness themselves: a proxy that really spoils, a scoreboard that cannot flatter."""

import contextlib
import socket
import time
from types import SimpleNamespace

import httpx
import pytest

from tests.faults import __main__ as program
from tests.faults import crowd, effects, hostile, kills, pages, races, workers
from tests.faults import proxy as proxies
from tests.faults.scoreboard import FIGURES, KEPT, MISSED, NOT_RUN, SHORT, Scoreboard

from .receiver import Receiver

QUESTION = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def proxy():
    answering = Receiver()
    answering.pages["/"] = b"all is well"
    with proxies.Proxy(("127.0.0.1", answering.server.server_port)) as started:
        yield started
    answering.stop()


def ask(port: int, seconds: float = 0.4) -> bytes:
    """What comes back within so many seconds. Raises OSError where the connection is reset."""
    with socket.create_connection(("127.0.0.1", port), 60) as wire:
        wire.sendall(QUESTION)
        answer, deadline = b"", time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            wire.settimeout(left)
            try:
                piece = wire.recv(65536)
            except TimeoutError:
                break
            if not piece:
                break
            answer += piece
        return answer


def test_the_proxy_does_what_its_mode_says(proxy, monkeypatch):
    monkeypatch.setattr(proxies, "DELAY_SECONDS", 0.2)
    whole = ask(proxy.port, 60)
    assert whole.endswith(b"all is well")
    proxy.mode = "delay"
    begun = time.monotonic()
    assert ask(proxy.port, 60).endswith(b"all is well")
    assert time.monotonic() - begun >= 0.2
    proxy.mode = "hang"
    assert ask(proxy.port) == b""
    proxy.mode = "refuse"
    assert_nothing(proxy)
    proxy.mode = "cut"
    assert_nothing(proxy)
    proxy.mode = "half"
    assert 0 < len(ask(proxy.port, 60)) < len(whole)
    proxy.mode = "garbage"
    spoilt = ask(proxy.port, 60)
    assert spoilt
    assert b"HTTP" not in spoilt
    proxy.mode = "drip"
    assert 0 < len(ask(proxy.port, 0.5)) < 5
    proxy.mode = "pass"
    assert ask(proxy.port, 60).endswith(b"all is well")


def assert_nothing(proxy) -> None:
    with contextlib.suppress(OSError):
        assert ask(proxy.port) == b""


def test_what_was_not_run_is_never_a_pass_and_a_missed_bound_is_said(tmp_path, capsys):
    board = Scoreboard(tmp_path)
    assert {board.verdict(name) for name in FIGURES} == {NOT_RUN}
    board.note("redis_recovery", 14.9, "14.9 s")
    board.note("postgres_recovery", 20.1, "20.1 s")
    board.note("soak", 99.95, "99.95 % in a minute", is_whole=False)
    assert board.verdict("redis_recovery") == KEPT
    assert board.verdict("soak") == SHORT
    assert board.verdict("postgres_recovery") == MISSED
    assert board.missed() == ["postgres_recovery"]
    board.save()
    text = (tmp_path / "scoreboard.txt").read_text()
    assert text.count(NOT_RUN) == len(FIGURES) - 3
    assert text.count(MISSED) == 1


def test_a_part_that_breaks_off_or_does_not_exist_is_an_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program, "FOLDER", tmp_path)
    assert program.main(["gremlins"]) == 2

    def breaks(board):
        raise RuntimeError("no engine")

    monkeypatch.setattr(program, "ALONE", {"soak": breaks})
    assert program.main(["soak"]) == 1
    assert "Parts that broke off: soak" in capsys.readouterr().out


def test_every_figure_belongs_to_a_part_that_can_be_run():
    assert {figure.part for figure in FIGURES.values()} == set(program.PARTS)


def test_parts_that_are_run_one_by_one_make_one_scoreboard_that_says_of_which_commit_a_row_is(tmp_path, capsys):
    first = Scoreboard(tmp_path, commit="1111111")
    first.note("future", 3, "3 of 120")
    first.note("disorder", 0, "0 of 24")
    first.save()
    second = Scoreboard(tmp_path, commit="2222222")
    second.note("soak", 99.95, "99.95 %")
    second.note("future", 0, "0 of 120")
    second.save()
    third = Scoreboard(tmp_path, commit="2222222")
    assert [third.verdict(name) for name in ("future", "disorder", "soak", "races")] == [KEPT, KEPT, KEPT, NOT_RUN]
    assert "1111111" in third.when("disorder")
    assert "commit" not in third.when("future")
    third.leave_out("soak", "no time")
    assert third.verdict("soak") == NOT_RUN
    assert not third.missed()
    assert "1111111" in (tmp_path / "scoreboard.txt").read_text()


class Answering(crowd.Crowd):
    """One request of each status, of a world that is none."""

    def __init__(self, statuses):
        super().__init__(None, 0)
        transport = httpx.MockTransport(self.answer)
        self.statuses = list(statuses)
        with httpx.Client(base_url="http://here", transport=transport) as client:
            for _ in statuses:
                self.send(client, "GET", "/")

    def answer(self, request):
        status = self.statuses.pop(0)
        if not status:
            raise httpx.ConnectError("no answer")
        return httpx.Response(status)


def test_every_answer_that_is_neither_good_nor_a_refusal_for_now_is_odd():
    told = Answering([0, 200, 202, 409, 503]).told
    assert not told.odd
    told = Answering([302, 400, 401, 403, 404, 413, 429, 500, 502, 504]).told
    assert len(told.odd) == 10


def test_kills_during_which_nothing_was_taken_have_shown_nothing(tmp_path):
    world, board = SimpleNamespace(ask=lambda _: []), Scoreboard(tmp_path)
    kills.note_rows(world, board, crowd.Told(given_up=7), "60 kills", is_whole=True)
    assert {board.verdict(name) for name in ("lost", "duplicated", "refused_badly")} == {MISSED}
    kills.note_rows(world, board, crowd.Told(acknowledged={"0-0-0"}), "60 kills", is_whole=True)
    assert [board.verdict(name) for name in ("lost", "duplicated", "refused_badly")] == [MISSED, KEPT, KEPT]


def test_a_tick_that_nobody_did_counts():
    assert workers.left_out([3, 10.2, 20.1, 30.4, 39.9]) == 0
    assert workers.left_out([3, 10.2, 30.1, 40, 69]) == 1 + 2


def test_an_exception_that_is_no_way_to_lose_a_race_counts(tmp_path):
    board = Scoreboard(tmp_path)
    races.note(board, {"job": [1] * 30, "control": [20] * 30}, [], 30)
    assert (board.verdict("races"), board.verdict("race_control")) == (KEPT, KEPT)
    races.note(board, {"job": [1] * 3, "control": [20] * 3}, ["KeyError: 'x'"], 3)
    assert (board.verdict("races"), board.verdict("race_control")) == (MISSED, SHORT)


def effects_of(board, messages=(), **told):
    """The verdicts on counted twice, sent again and missing, of one run with these messages besides the right ones."""
    right = [(f"{round}:0", "") for round in ("run", "calm")]
    well = {"ticks": 1, "notes": 1, "ticks_not_once": 0, "notes_twice": 0, "undone": 0, "incidents_without": 0}
    attempts = {f"{kind} {key}": 1 for kind in ("mail", "message") for key, _ in right}
    told = {**well, **told, "attempts": {**attempts, **told.get("attempts", {})}}
    effects.note(board, told, [*right, *messages], right, 1)
    return [board.verdict(name) for name in ("effects_twice", "effects_again", "effects_missing")]


def test_what_is_received_oftener_than_it_was_tried_or_again_without_a_death_counts(tmp_path):
    board = Scoreboard(tmp_path)
    assert effects_of(board) == [SHORT, SHORT, SHORT]
    assert effects_of(board, [("run:0", "")]) == [MISSED, SHORT, SHORT]
    assert effects_of(board, [("run:0", "")], attempts={"message run:0": 2}) == [SHORT, SHORT, SHORT]
    assert effects_of(board, [("run:0", "other")], attempts={"message run:0": 2}) == [MISSED, SHORT, SHORT]
    assert effects_of(board, [("calm:0", "")], attempts={"message calm:0": 2}) == [SHORT, MISSED, SHORT]
    assert effects_of(board, undone=1) == [SHORT, SHORT, MISSED]


def test_a_service_that_was_not_asked_while_it_was_broken_has_shown_nothing(tmp_path):
    board, services = Scoreboard(tmp_path), {name: pages.Found() for name in ("none", "osrm", "gemini")}
    for found in services.values():
        found.add("well", [0.1, 0.2])
    services["osrm"].unasked.append("hung")
    pages.note(board, services, [0.1], is_whole=True)
    assert [board.verdict(name) for name in ("pages_gemini", "pages_osrm", "sent_redis")] == [KEPT, MISSED, KEPT]
    assert "slowest of all 0.20" in board.results["pages_gemini"].words
    pages.note(board, services, [], is_whole=True)
    assert board.verdict("sent_redis") == MISSED


def test_hostile_strings_hold_only_where_tests_have_run(tmp_path):
    board = Scoreboard(tmp_path)
    for said, rows, verdict in (
        ("....\n= 12 passed in 3.21s =\n", 340, KEPT),
        ("....\n12 passed, 1 warning in 3.21s\n", 6, SHORT),
        ("..F.\n1 failed, 11 passed in 3.21s\n", 340, MISSED),
        ("..E.\n11 passed, 2 errors in 3.21s\n", 340, MISSED),
        ("no tests ran in 0.01s\n", 340, MISSED),
        ("", 340, MISSED),
    ):
        hostile.note(board, said, rows)
        assert board.verdict("hostile") == verdict, said
