"""The tools of the fault harness themselves: a proxy that really spoils, a scoreboard that cannot flatter."""

import contextlib
import socket
import time

import pytest

from tests.faults import __main__ as program
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
