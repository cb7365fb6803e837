"""Addresses that partners give us never lead into our own network."""

import threading
import time

import pytest

from stations import outgoing
from stations.outgoing import NotCalled, call, check_url, is_public, public_address

# ruff: noqa: S104
PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00::1",
    "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1",
    "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a9fe:a9fe::",
    "2001:0:7f00:1::", "fd00:ec2::254",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
REFUSED = [
    "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com", "//example.com/",
    "https://", "https:///x", "example.com", "", "https://user@example.com/", "https://user:word@example.com/",
    "https://a@127.0.0.1\\@b/", "https://example.com:22/", "https://example.com:80/", "https://example.com:99999/",
    "https://example.com/\r\nHost: x", "https://example.com/\n", "https://exa mple.com/", "https://example.com/\0",
    "https://ex\u00e4mple.com/", "https://[::1", "https://" + "a" * 300 + ".com/", "javascript:alert(1)",
]  # fmt: skip
INWARDS = [
    "https://127.0.0.1/", "https://localhost/", "https://2130706433/", "https://0x7f000001/", "https://017700000001/",
    "https://0177.0.0.1/", "https://127.1/", "https://0/", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/", "https://169.254.169.254/latest/meta-data/", "https://10.1.2.3/", "https://0.0.0.0/",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_inside_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_outside_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_no_https_address_of_a_host_is_refused(url):
    with pytest.raises(NotCalled):
        check_url(url)


@pytest.mark.parametrize("url", INWARDS)
def test_no_way_of_writing_an_address_leads_inwards(url):
    with pytest.raises(NotCalled, match=r"public|no host"):
        call("POST", url, {})


def test_one_address_inside_among_several_is_enough_to_refuse():
    with pytest.raises(NotCalled, match="public"):
        public_address("two.example", 443, lambda host, port: ["8.8.8.8", "10.0.0.1"])


def test_a_name_that_changes_its_mind_is_asked_once_and_that_very_address_is_used(monkeypatch):
    asked, connected = [], []

    def rebinding(host, port):
        asked.append(host)
        return ["93.184.216.34"] if len(asked) == 1 else ["127.0.0.1"]

    def connect(address, timeout):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(outgoing.socket, "create_connection", connect)
    with pytest.raises(NotCalled, match="ConnectionRefused"):
        call("POST", "https://rebind.example/", {}, resolve=rebinding)
    assert (asked, connected) == (["rebind.example"], [("93.184.216.34", 443)])


def test_a_redirect_is_not_followed(receiver):
    receiver.answers = [(302, {"Location": f"{receiver.url}/inside"}, b"")]
    answer = call("POST", f"{receiver.url}/hook", {}, b"x")
    assert (answer.status, answer.is_success) == (302, False)
    assert [path for _, path, *_ in receiver.calls] == ["/hook"]


def test_a_large_answer_is_cut_off(receiver):
    receiver.answers = [(200, {}, b"x" * 1_000_000)]
    assert len(call("GET", receiver.url, {}).body) == outgoing.LARGEST_ANSWER


def test_a_receiver_that_hangs_is_given_up(receiver, monkeypatch):
    monkeypatch.setattr(outgoing, "WHOLE_SECONDS", 0.5)
    receiver.answers = ["hang"]
    began = time.monotonic()
    with pytest.raises(NotCalled):
        call("GET", receiver.url, {})
    assert time.monotonic() - began < 30  # it hangs for a minute


def test_a_name_that_nobody_answers_for_is_given_up(monkeypatch):
    monkeypatch.setattr(outgoing, "LOOKUP_SECONDS", 0.1)
    over = threading.Event()
    with pytest.raises(NotCalled, match="not found within"):
        public_address("slow.example", 443, lambda host, port: over.wait(60) and ["8.8.8.8"])
    over.set()


def test_names_that_nobody_answers_for_hold_up_their_own_partner_alone(monkeypatch):
    monkeypatch.setattr(outgoing, "LOOKUP_SECONDS", 0.2)
    answered = threading.Event()

    def never(host, port):
        answered.wait(120)
        return ["8.8.8.8"]

    for number in range(2):
        with pytest.raises(NotCalled, match="not found within"):
            public_address(f"slow-{number}.example", 443, never, share="partner:1")
    monkeypatch.setattr(outgoing, "LOOKUP_SECONDS", 60)
    began = time.monotonic()
    for number in range(20):
        with pytest.raises(NotCalled, match="still waiting"):
            public_address(f"slower-{number}.example", 443, never, share="partner:1")
    assert public_address("quick.example", 443, lambda host, port: ["8.8.8.8"], share="partner:2") == "8.8.8.8"
    assert time.monotonic() - began < 30, "one of them was waited for"
    answered.set()
    until = time.monotonic() + 60
    while outgoing._lookups.under_way and time.monotonic() < until:
        time.sleep(0.01)
    assert public_address("slow-0.example", 443, lambda host, port: ["8.8.8.8"], share="partner:1") == "8.8.8.8"


def test_a_header_cannot_be_smuggled_in(receiver):
    with pytest.raises(NotCalled):
        call("POST", receiver.url, {"X": "a\r\nEvil: 1"})
    assert not receiver.calls
