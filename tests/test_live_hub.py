"""The hub of a web process: frames are made once, and one slow browser does not hold up the others."""

import asyncio
import contextlib
import time

import pytest
from django.test import override_settings

from stations import live


class CountingFeed:
    """A feed that counts how often it is asked."""

    kinds = frozenset({"tick"})

    def __init__(self):
        self.snapshots, self.changed, self.version = 0, 0, 1

    def snapshot(self, view):
        self.snapshots += 1
        return {"tick": self.version}, [f"all of {view} at {self.version}"]

    def changes(self, view, message):
        self.changed += 1
        self.version = message["version"]
        return [f"{view} to {message['version']}"]

    def merged(self, older, newer):
        return {**newer, "previous": older["previous"]}


class Browser:
    """Collects what is sent to it, as fast as `reading` lets it."""

    def __init__(self, hub, feed, view="everything"):
        self.received, self.reading = [], asyncio.Event()
        self.reading.set()
        self.socket = live.Socket(feed, view, self.take)
        self.task = asyncio.create_task(self.socket.pump(hub))

    async def take(self, frame):
        await self.reading.wait()
        self.received.append(frame)


async def settle(until=lambda: True):
    """Wait until it has come, as long as a busy machine takes, and then for what should not come."""
    with contextlib.suppress(TimeoutError):  # what the test says next tells more
        async with asyncio.timeout(60):
            while not until():
                await asyncio.sleep(0.01)
    for _ in range(40):
        await asyncio.sleep(0.01)


async def opened(hub, feed, count, until=None):
    browsers = [Browser(hub, feed) for _ in range(count)]
    for browser in browsers:
        await hub.join(browser.socket)
    until = until or (lambda: all(browser.received for browser in browsers))
    await settle(lambda: hub._subscribed.is_set() and until())
    return browsers


def tick(version, **more):
    return {"kind": "tick", "version": version, "previous": version - 1, **more}


@pytest.fixture
async def hub(monkeypatch):
    monkeypatch.setattr(live, "COALESCE_SECONDS", 0.02)
    made = live.hub()
    yield made
    made._listener.cancel()


async def test_a_hundred_sockets_of_one_view_cost_one_snapshot_and_one_frame(hub):
    feed = CountingFeed()
    browsers = await opened(hub, feed, 100)
    await hub.deliver(tick(2))
    await settle(lambda: all(len(browser.received) > 1 for browser in browsers))
    assert (feed.snapshots, feed.changed) == (1, 1)
    assert all(browser.received == ["all of everything at 1", "everything to 2"] for browser in browsers)


async def test_a_published_message_reaches_the_sockets_through_the_channel_layer(hub):
    feed = CountingFeed()
    [browser] = await opened(hub, feed, 1)
    await asyncio.to_thread(live.publish, "tick", tick(2))
    await asyncio.to_thread(live.publish, "of-no-interest", {"id": 1})
    await settle(lambda: len(browser.received) > 1)
    assert browser.received[1:] == ["everything to 2"]


async def test_a_burst_of_messages_becomes_one_frame(hub, monkeypatch):
    monkeypatch.undo()
    assert 0.25 <= live.COALESCE_SECONDS <= 0.5
    feed = CountingFeed()
    [browser] = await opened(hub, feed, 1)
    began = time.monotonic()
    for version in range(2, 22):
        hub.take(tick(version))
        await asyncio.sleep(0.005)
    while len(browser.received) < 2:
        await asyncio.sleep(0.01)
    assert time.monotonic() - began >= 0.25
    await settle()
    assert browser.received == ["all of everything at 1", "everything to 21"]
    assert (feed.snapshots, feed.changed) == (1, 1)


async def test_a_gap_within_a_burst_and_a_burst_without_end_make_every_socket_read_again(hub):
    feed = CountingFeed()
    [browser] = await opened(hub, feed, 1)
    for version in (2, 3, 5):
        hub.take(tick(version))
    await settle(lambda: len(browser.received) > 1)
    assert (feed.snapshots, feed.changed) == (2, 0)
    for version in range(6, 6 + 3 * live.MOST_WAITING):
        hub.take(tick(version))
    await settle(lambda: len(browser.received) > 2)
    assert (feed.snapshots, feed.changed) == (3, 0)
    hub.take(tick(6 + 3 * live.MOST_WAITING))
    await settle(lambda: len(browser.received) > 3)
    assert feed.changed == 1
    assert browser.received[-1].endswith(f"to {6 + 3 * live.MOST_WAITING}")


async def test_frames_leave_in_the_order_of_their_messages_even_when_making_one_takes_long(hub):
    feed = CountingFeed()
    [browser] = await opened(hub, feed, 1)
    working = feed.changes

    def slow(view, message):
        time.sleep(0.2 if message["version"] == 2 else 0)
        return working(view, message)

    feed.changes = slow
    hub.take(tick(2))
    await asyncio.sleep(0.1)
    hub.take(tick(3))
    await settle(lambda: len(browser.received) > 2)
    assert browser.received[1:] == ["everything to 2", "everything to 3"]


async def test_each_kind_counts_for_itself(hub):
    feed = CountingFeed()
    feed.kinds = frozenset({"tick", "jobs"})
    [browser] = await opened(hub, feed, 1)
    await hub.deliver(tick(2))
    await hub.deliver({"kind": "jobs", "version": 70, "previous": 69})
    await hub.deliver(tick(3))
    await hub.deliver({"kind": "jobs", "version": 71, "previous": 70})
    await settle(lambda: len(browser.received) > 4)
    assert feed.snapshots == 1
    await hub.deliver({"kind": "jobs", "version": 73, "previous": 72})
    await settle(lambda: len(browser.received) > 5)
    assert feed.snapshots == 2
    assert browser.received[-1].startswith("all of")


async def test_messages_without_a_number_get_the_next_of_their_kind(hub):
    feed = CountingFeed()
    feed.kinds = frozenset({"jobs"})
    await opened(hub, feed, 1)
    before = await asyncio.to_thread(live.current_version, "jobs")
    seen = []
    feed.merged = lambda older, newer: seen.append((older, newer)) or {**newer, "previous": older["previous"]}
    for _ in range(2):
        await asyncio.to_thread(live.publish, "jobs", {})
    await settle(lambda: feed.changed)
    assert await asyncio.to_thread(live.current_version, "jobs") == before + 2
    numbers = [(one["previous"], one["version"]) for pair in seen for one in pair]
    assert set(numbers) <= {(before, before + 1), (before + 1, before + 2)}
    assert feed.snapshots == 1


async def test_a_slow_socket_loses_its_backlog_and_gets_a_snapshot_while_others_miss_nothing(hub):
    feed = CountingFeed()
    slow, quick = await opened(hub, feed, 2)
    slow.reading.clear()
    last = 2 + 3 * live.BACKLOG_FRAMES
    for version in range(2, last + 1):
        await hub.deliver(tick(version))
        await asyncio.sleep(0)
    await settle(lambda: len(quick.received) == last)
    slow.reading.set()
    await settle(lambda: slow.received and slow.received[-1].endswith(str(last)))
    assert quick.received[1:] == [f"everything to {version}" for version in range(2, last + 1)]
    assert len(slow.received) < live.BACKLOG_FRAMES + 4
    assert any(frame.startswith("all of everything") for frame in slow.received[1:])
    assert slow.received[-1].endswith(str(last))


async def test_a_gap_between_messages_makes_every_socket_read_again(hub):
    feed = CountingFeed()
    [browser] = await opened(hub, feed, 1)
    await hub.deliver(tick(2))
    await hub.deliver(tick(5))
    await settle(lambda: feed.snapshots > 1 and browser.received[-1].startswith("all"))
    assert feed.snapshots == 2
    assert browser.received[-1].startswith("all of everything")


async def test_a_message_too_large_for_a_subscriber_says_only_read_again(hub):
    feed = CountingFeed()
    [browser] = await opened(hub, feed, 1)
    await asyncio.to_thread(live.publish, "tick", tick(2, sites={"reason": ["x" * live.LARGEST_BODY_BYTES]}))
    await settle(lambda: len(browser.received) > 1)
    assert feed.changed == 0
    assert browser.received == ["all of everything at 1", "all of everything at 1"]


async def test_a_snapshot_that_fails_is_tried_again(hub, monkeypatch, caplog):
    monkeypatch.setattr(live, "RETRY_SECONDS", 0.05)
    feed = CountingFeed()
    working, feed.snapshot = feed.snapshot, lambda view: 1 // 0
    [browser] = await opened(hub, feed, 1, until=lambda: "could not be made" in caplog.text)
    assert browser.received == []
    feed.snapshot = working
    await settle(lambda: browser.received)
    assert browser.received == ["all of everything at 1"]
    assert "could not be made" in caplog.text


async def test_views_without_sockets_are_forgotten(hub):
    feed = CountingFeed()
    browsers = await opened(hub, feed, 2)
    for browser in browsers:
        hub.leave(browser.socket)
    await hub.deliver(tick(2))
    assert feed.changed == 0
    assert not hub.views


def test_publishing_neither_raises_nor_lingers_when_the_broker_is_away(caplog):
    nowhere = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]},
        }
    }
    with override_settings(CHANNEL_LAYERS=nowhere):
        began = time.monotonic()
        live.publish("tick", tick(2))
        assert time.monotonic() - began < live.PUBLISH_SECONDS + 20
    assert "did not go out" in caplog.text
