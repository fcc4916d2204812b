from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from edge_runtime.bridge.node.asked import Asked
from edge_runtime.bridge.node.under_way import UnderWay
from edge_runtime.bridge.node.watch import Watch
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.requests import Incoming
from edge_runtime.bridge.protocol.route import Route
from edge_runtime.messages import Request, RequestPolicy
from tests.bridge.harness import until


class Watched:
    """A watch that keeps what it does."""

    def __init__(self) -> None:
        self.under_way = UnderWay()
        self.watch = Watch(self.under_way)
        self.accepted: list[str] = []
        self.expired: list[str] = []

    def start(self) -> None:
        self.watch.start(
            lambda asked: self.accepted.append(asked.incoming.request.id),
            self._expire,
        )

    def _expire(self, asked: Asked) -> None:
        if asked.incoming.request.id == "bug":
            raise RuntimeError("a bug")
        self.under_way.decide(asked)
        self.under_way.release(asked)
        self.expired.append(asked.incoming.request.id)

    def ask(self, request_id: str, deadline_ms: int = 60_000) -> Asked:
        request = Request(id=request_id, text="hi", policy=RequestPolicy(deadline_ms=deadline_ms))
        route = Route("app", "r", request_id)
        asked, _ = self.under_way.add(Incoming(Message(topic="t"), route, request, 0.0))
        assert asked is not None
        self.watch.add(asked)
        return asked


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    made.start()
    yield made
    made.watch.stop()


def test_what_takes_long_is_accepted_once(watched: Watched) -> None:
    watched.ask("a")
    assert watched.accepted == []
    until(lambda: watched.accepted)
    time.sleep(0.3)
    assert watched.accepted == ["a"]


def test_what_is_answered_by_then_is_not(watched: Watched) -> None:
    quick, slow = watched.ask("quick"), watched.ask("slow")
    watched.under_way.decide(quick)
    until(lambda: watched.accepted)
    assert watched.accepted == ["slow"]
    assert not slow.is_over


def test_when_many_wait_they_are_accepted_at_once(watched: Watched) -> None:
    for number in range(10):
        watched.ask(str(number))
    until(lambda: len(watched.accepted) == 10)
    for number in range(10, 17):
        watched.ask(str(number))
    until(lambda: len(watched.accepted) == 17)


def test_each_is_expired_at_its_time_whenever_it_was_added(watched: Watched) -> None:
    for number, deadline_ms in enumerate((600, 300, 50, 450)):
        watched.ask(str(number), deadline_ms)
    until(lambda: len(watched.expired) == 4)
    assert watched.expired == ["2", "1", "3", "0"]


def test_a_bug_with_one_does_not_end_the_watch(watched: Watched) -> None:
    watched.ask("bug", 50)
    watched.ask("good", 100)
    until(lambda: watched.expired == ["good"])


def test_what_is_put_off_is_done_later(watched: Watched) -> None:
    done = threading.Event()
    watched.watch.later(0.05, done.set)
    assert not done.is_set()
    assert done.wait(10)


def test_what_is_over_is_not_kept_until_its_deadline(watched: Watched) -> None:
    kept: list[weakref.ref[Incoming]] = []
    for begin in range(0, 3000, 500):
        asked = [watched.ask(str(begin + number)) for number in range(500)]
        until(lambda begin=begin: len(watched.accepted) == begin + 500)  # type: ignore[misc]
        for each in asked:
            watched.under_way.decide(each)
            watched.under_way.release(each)
            kept.append(weakref.ref(each.incoming))
        del asked, each
    until(lambda: sum(ref() is not None for ref in kept) < 1600)
