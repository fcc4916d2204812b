"""The record of requests: the same answer again, byte for byte, and none forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.queue.events import Events
from edge_runtime.bridge.queue.file.clock import Board
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.journal import Journal
from edge_runtime.bridge.queue.kept import Kept, Waiting
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.bridge.queue.outlet import Outlet
from edge_runtime.bridge.queue.queue_thread import QueueThread
from edge_runtime.errors import UnavailableError
from edge_runtime.messages import Answer
from tests.bridge.harness import DEADLINE_S, answer_in, until
from tests.bridge.queue.rows import Clock, incoming

NOW = 5000.0


class Broker:
    """Takes every message at once, and keeps it."""

    is_ready = True

    def __init__(self) -> None:
        self.published: list[Message] = []
        self.acknowledged: list[Message] = []

    def publish(self, message: Message, on_taken: Callable[[int], None] | None = None) -> None:
        self.published.append(message)
        if on_taken is not None:
            on_taken(0)

    def acknowledge(self, message: Message) -> None:
        self.acknowledged.append(message)


class Process:
    """The journal of one process, at work on a file."""

    def __init__(self, path: Path, clock: Clock, options: EscalationOptions | None = None) -> None:
        self.broker = Broker()
        outlet = Outlet()
        outlet.open(self.broker)
        self.file = QueueFile(path, Board("boot", clock))
        self.thread = QueueThread(self.file, self._advance)
        events = Events(self.file, self.thread, outlet, NodeTopics("n"))
        self.journal = Journal(
            self.file, self.thread, outlet, events, options or EscalationOptions(), lambda: NOW
        )
        self.thread.start()

    def _advance(self) -> float | None:
        self.journal.purge()
        self.journal.deliver()
        return None

    def advance(self) -> None:
        self.thread.ask(lambda: None)

    def end(self) -> None:
        self.journal.close()
        self.thread.stop()

    def keep(self, name: str, kept: Kept) -> None:
        done = threading.Event()
        self.journal.keep(incoming(name), kept, done.set)
        assert done.wait(DEADLINE_S)

    def accept(self, name: str) -> None:
        done = threading.Event()
        self.journal.accept(incoming(name, arrived=NOW - 30), done.set)
        assert done.wait(DEADLINE_S)


Start = Callable[..., Process]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def start(tmp_path: Path, clock: Clock) -> Iterator[Start]:
    running: list[Process] = []

    def start(**options: object) -> Process:
        if running:
            running.pop().end()
        running.append(Process(tmp_path / "outbox.db", clock, EscalationOptions(**options)))  # type: ignore[arg-type]
        return running[0]

    yield start
    for process in running:
        process.end()


def kept(text: str = "so") -> Kept:
    return Kept.of(Answer(id="a", task="ask", result={"text": text}))


def test_an_answer_is_found_from_the_moment_that_it_is_kept_and_after_a_restart(
    start: Start,
) -> None:
    process = start()
    assert process.journal.find(incoming()) is None
    on_disk = threading.Event()

    def hold() -> None:
        on_disk.wait(DEADLINE_S)

    process.thread.post(hold)
    done = threading.Event()
    process.journal.keep(incoming(), kept(), done.set)
    assert process.journal.find(incoming()) == kept()
    assert not done.is_set()
    on_disk.set()
    assert done.wait(DEADLINE_S)
    assert process.journal.find(incoming()) == kept()
    assert start().journal.find(incoming()) == kept()


def test_another_client_another_text_or_another_correlation_is_another_request(
    start: Start,
) -> None:
    process = start()
    process.keep("a", kept())
    for other in (incoming("b"), incoming("a", "another text"), incoming("a", client="other")):
        assert process.journal.find(other) is None


def test_a_new_request_costs_no_look_at_the_disk(start: Start, tmp_path: Path) -> None:
    start().keep("a", kept())
    process = start()
    (tmp_path / "outbox.db").rename(tmp_path / "away")
    assert process.journal.find(incoming("b")) is None
    with pytest.raises(UnavailableError, match="cannot be read"):
        process.journal.find(incoming("a"))


def test_an_answer_is_forgotten_after_its_time(start: Start, clock: Clock) -> None:
    process = start(keep_answer_s=60.0)
    process.keep("a", kept())
    clock.now += 59
    process.advance()
    assert process.journal.find(incoming()) == kept()
    clock.now += 1
    process.advance()
    assert process.journal.find(incoming()) is None


@pytest.mark.parametrize("journal", ["disk", "memory"])
def test_only_so_many_answers_are_kept_the_newest(start: Start, journal: str) -> None:
    process = start(keep_rows=1000, journal=journal)
    for number in range(1200):
        process.journal.keep(incoming(f"n{number}"), kept(), lambda: None)
    process.advance()
    found = [process.journal.find(incoming(f"n{number}")) for number in range(1200)]
    assert found[-900:] == [kept()] * 900
    assert sum(each is not None for each in found) <= 1000


@pytest.mark.parametrize("journal", ["disk", "memory"])
def test_answers_take_only_so_many_bytes(start: Start, journal: str) -> None:
    process = start(keep_bytes=1_000_000, journal=journal)
    for number in range(300):
        process.journal.keep(incoming(f"n{number}"), kept("x" * 10_000), lambda: None)
    process.advance()
    found = [process.journal.find(incoming(f"n{number}")) for number in range(300)]
    assert found[-1] is not None
    assert 0 < sum(each is not None for each in found) <= 100


def test_in_memory_nothing_is_written_and_nothing_taken_over(start: Start, tmp_path: Path) -> None:
    process = start(journal="memory")
    process.keep("a", kept("xylophone"))
    process.journal.accept(incoming("b"), lambda: pytest.fail("it is not on disk"))
    process.advance()
    assert process.journal.find(incoming("a")) == kept("xylophone")
    assert process.file.is_empty
    assert not any(b"xylophone" in each.read_bytes() for each in tmp_path.iterdir())
    assert start(journal="memory").journal.find(incoming("a")) is None


def test_an_accepted_request_comes_back_after_a_crash_with_the_time_that_it_has_left(
    start: Start, clock: Clock
) -> None:
    process = start()
    process.accept("a")
    assert process.journal.find(incoming()) == Waiting(is_escalated=False)
    clock.now += 10
    process = start()
    assert process.journal.find(incoming()) == Waiting(is_escalated=False)
    (again,) = process.journal.unanswered()
    assert (again.request, again.digest) == (incoming().request, incoming().digest)
    assert again.arrived == NOW - 40
    assert again.route.expires == NOW - 30 + 100 - 10
    assert again.message.ticket == 0


def test_an_answer_that_was_not_delivered_before_a_crash_is_delivered_after_it(
    start: Start,
) -> None:
    process = start()
    process.accept("a")
    process.keep("a", kept())
    process = start()
    assert process.journal.unanswered() == []
    process.advance()
    (message,) = process.broker.published
    assert (message.topic, message.payload) == ("edge/v1/n/res/app", kept().payload)
    process.advance()
    process = start()
    process.advance()
    assert process.broker.published == []
    assert process.journal.find(incoming()) == kept()


def test_an_answer_that_was_delivered_is_not_delivered_again(start: Start) -> None:
    process = start()
    process.accept("a")
    process.keep("a", kept())
    process.journal.delivered(incoming())
    process = start()
    process.advance()
    assert process.broker.published == []


def test_a_request_that_ends_every_process_is_answered_with_an_error(start: Start) -> None:
    start().accept("a")
    for _ in range(3):
        process = start()
        (again,) = process.journal.unanswered()
        process.journal.begins(again)
    process = start()
    assert process.journal.unanswered() == []
    process.advance()
    until(lambda: len(process.broker.published) == 2)
    event, answer = sorted(process.broker.published, key=lambda message: message.topic)
    assert event.topic == "edge/v1/n/evt/dropped"
    assert b'"reason":"poison"' in event.payload
    error = answer_in(answer).error
    assert error is not None
    assert error.type == "given_up"


def test_a_request_that_only_waits_is_not_to_blame_for_power_cuts(start: Start) -> None:
    start().accept("a")
    for _ in range(6):
        assert len(start().journal.unanswered()) == 1


def test_a_kept_answer_that_the_disk_has_changed_is_not_given_out(start: Start) -> None:
    process = start()
    process.keep("a", kept("so"))
    process.thread.ask(
        lambda: process.file.db.execute(
            "UPDATE requests SET answer = CAST(replace(answer, 'so', 'no') AS BLOB)"
        )
    )
    assert process.journal.find(incoming()) is None


def test_a_disk_that_fails_does_not_silence_anybody(start: Start) -> None:
    process = start()
    (pages,) = process.thread.ask(lambda: process.file.db.execute("PRAGMA page_count").fetchone())
    process.thread.ask(
        lambda: process.file.db.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    )
    process.keep("a", kept("x" * 100_000))
    assert process.journal.find(incoming()) == kept("x" * 100_000)
    # while the disk is full, nothing is taken over from the broker
    process.journal.accept(incoming("b"), lambda: pytest.fail("it is not on disk"))
    process.advance()
    assert process.journal.find(incoming("b")) is None


def test_on_a_full_disk_a_new_answer_takes_the_place_of_old_ones(start: Start) -> None:
    process = start()
    for number in range(100):
        process.keep(f"old-{number}", kept("x" * 5_000))
    (pages,) = process.thread.ask(lambda: process.file.db.execute("PRAGMA page_count").fetchone())
    process.thread.ask(
        lambda: process.file.db.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    )
    process.thread.ask(process.file.make_room)
    for number in range(20):
        process.keep(f"new-{number}", kept(f"{number}" + "x" * 5_000))
    again = start()
    for number in range(20):
        assert again.journal.find(incoming(f"new-{number}")) == kept(f"{number}" + "x" * 5_000)
    assert again.journal.find(incoming("old-0")) is None
    assert again.journal.find(incoming("old-99")) is not None


def test_finding_does_not_wait_for_the_disk(start: Start) -> None:
    process = start()
    process.keep("a", kept())
    busy, go = threading.Event(), threading.Event()

    def hold() -> None:
        process.file.db.execute("UPDATE requests SET code = code")
        busy.set()
        go.wait(DEADLINE_S)

    process.thread.post(hold)
    assert busy.wait(DEADLINE_S)
    began = time.monotonic()
    assert process.journal.find(incoming()) == kept()
    assert process.journal.find(incoming("b")) is None
    assert time.monotonic() - began < DEADLINE_S / 2
    go.set()
