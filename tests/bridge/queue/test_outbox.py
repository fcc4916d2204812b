"""The table of escalations: what is found when, and that nothing is lost."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.file.totals import Totals
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.row import Row
from tests.bridge.queue.rows import Clock, add, new_row, opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path, clock: Clock) -> Iterator[QueueFile]:
    with opened(tmp_path / "outbox.db", clock) as each:
        yield each


@pytest.fixture
def outbox(file: QueueFile) -> Outbox:
    return Outbox(file)


def test_the_same_request_is_kept_once(outbox: Outbox) -> None:
    first = add(outbox, new_row())
    assert not outbox.enqueue(new_row())
    assert add(outbox, new_row()).id == first.id
    assert add(outbox, new_row(client="other")).id != first.id
    assert add(outbox, new_row(digest=b"other")).id != first.id
    assert outbox.counts() == {"waiting": 3}


def test_due_rows_are_claimed_once_and_the_oldest_first(outbox: Outbox, clock: Clock) -> None:
    names = [f"n{number}" for number in range(5)]
    for name in names:
        outbox.enqueue(new_row(name))
        clock.now += 1
    claimed = [row.correlation.decode() for row in outbox.claim(3, timeout_s=30)]
    claimed += [row.correlation.decode() for row in outbox.claim(9, timeout_s=30)]
    assert claimed == names
    assert outbox.in_flight() == 5


def test_the_more_important_is_claimed_first(outbox: Outbox, clock: Clock) -> None:
    for number, priority in enumerate([4, 0, 9, 4, 9]):
        outbox.enqueue(new_row(f"n{number}", priority=priority))
        clock.now += 1
    claimed = [row.correlation.decode() for row in outbox.claim(4, timeout_s=30)]
    assert claimed == ["n2", "n4", "n0", "n3"]


def test_an_important_row_that_is_not_due_does_not_hold_up_others(outbox: Outbox) -> None:
    outbox.enqueue(new_row("a", priority=9))
    outbox.enqueue(new_row("b", priority=0))
    outbox.retry(outbox.claim(1, timeout_s=30)[0].id, 100, "no luck")
    assert [row.correlation for row in outbox.claim(2, timeout_s=30)] == [b"b"]


def test_a_retry_is_due_later_unless_a_worker_comes(
    outbox: Outbox, file: QueueFile, clock: Clock
) -> None:
    row = add(outbox, new_row())
    outbox.claim(1, timeout_s=30)
    outbox.retry(row.id, 10, "no luck")
    assert outbox.claim(1, timeout_s=30) == []
    clock.now += 1
    assert not outbox.make_due(file.now())
    (again,) = outbox.claim(1, timeout_s=30)
    assert (again.attempts, again.failures, again.why) == (1, 1, "no luck")
    outbox.retry(row.id, 10, "busy", counts=False)
    clock.now += 10
    (again,) = outbox.claim(1, timeout_s=30)
    assert (again.attempts, again.failures) == (2, 1)


def test_all_that_wait_are_made_due_a_page_at_a_time_and_each_once(
    outbox: Outbox, file: QueueFile, clock: Clock
) -> None:
    for number in range(250):
        outbox.enqueue(new_row(f"n{number}", priority=number % 2))
    for row in outbox.claim(250, timeout_s=30):
        outbox.retry(row.id, 1000, "no luck")
    clock.now += 2
    since = file.now()
    pages = 1
    while outbox.make_due(since):
        pages += 1
        # what fails again meanwhile is not made due again
        for row in outbox.claim(10, timeout_s=30):
            outbox.retry(row.id, 1000, "no luck")
    assert pages >= 3
    assert len(outbox.claim(250, timeout_s=30)) == 250 - 10 * (pages - 1)


def test_what_is_overdue_or_expired_is_found(outbox: Outbox, file: QueueFile, clock: Clock) -> None:
    began = file.now()
    outbox.enqueue(new_row("slow", arrived=began, ttl_s=100))
    outbox.enqueue(new_row("waiting", arrived=began, ttl_s=50))
    outbox.claim(1, timeout_s=30)
    assert outbox.next_due(can_send=False) == began + 30
    assert outbox.next_due(can_send=True) == began
    clock.now += 31
    assert [row.correlation for row in outbox.overdue()] == [b"slow"]
    clock.now += 20
    assert [row.correlation for row in outbox.expired()] == [b"waiting"]


def test_a_reply_finds_only_what_is_outstanding(outbox: Outbox) -> None:
    row = add(outbox, new_row())
    assert outbox.outstanding(row.escalation) is None  # nobody was asked yet
    outbox.claim(1, timeout_s=30)
    assert outbox.outstanding("unknown") is None
    found = outbox.outstanding(row.escalation)
    assert found is not None
    assert found.id == row.id
    assert outbox.answer(row, b"final")
    assert outbox.outstanding(row.escalation) is None
    assert not outbox.answer(row, b"another")
    (answered,) = outbox.answered(set())
    assert (answered.answer, answered.pending) == (b"final", b"")
    assert outbox.answered({row.id}) == []


def test_the_least_important_of_a_full_queue_are_those_of_the_lowest_priority(
    outbox: Outbox, clock: Clock
) -> None:
    for number, priority in enumerate([4, 1, 1, 4]):
        outbox.enqueue(new_row(f"n{number}", priority=priority))
        clock.now += 1

    def names(which: str) -> list[str]:
        rows = outbox.least_important("first" if which == "first" else "last")
        return [row.correlation.decode() for row in rows]

    assert names("last") == ["n2", "n1", "n3", "n0"]
    assert names("first") == ["n1", "n2", "n0", "n3"]


def test_a_bit_that_flips_on_the_disk_is_noticed(outbox: Outbox, file: QueueFile) -> None:
    row = add(outbox, new_row())
    assert row.read_pending() is not None
    assert row.read_route() is not None
    # still valid JSON with the right fields
    file.db.execute(
        "UPDATE escalations SET pending = CAST(replace(pending, 'xylo', 'Xylo') AS BLOB)"
    )
    (damaged,) = outbox.page()
    assert damaged.read_pending() is None
    assert damaged.read_route() is not None
    file.db.execute("UPDATE escalations SET route = CAST(replace(route, '/n/', '/m/') AS BLOB)")
    assert outbox.page()[0].read_route() is None


def test_a_batch_is_all_or_nothing(outbox: Outbox, file: QueueFile) -> None:
    def failing() -> None:
        with file.batch():
            outbox.enqueue(new_row())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert outbox.counts() == {}
    assert file.totals == Totals()


class OutboxMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, no row is lost before it was delivered."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.directory = tempfile.TemporaryDirectory()
        self.stack = ExitStack()
        self.open()
        self.kept: dict[int, Row] = {}

    def open(self) -> None:
        path = Path(self.directory.name) / "outbox.db"
        self.file = self.stack.enter_context(opened(path, self.clock))
        self.outbox = Outbox(self.file)

    @rule(name=st.sampled_from("abcdef"), priority=st.integers(0, 2))
    def enqueue(self, name: str, priority: int) -> None:
        row = add(self.outbox, new_row(name, priority=priority))
        self.kept[row.id] = row

    @rule(limit=st.integers(0, 3))
    def claim(self, limit: int) -> None:
        rows = self.outbox.claim(limit, timeout_s=5)
        assert all(row.state == "waiting" for row in rows)
        assert [row.priority for row in rows] == sorted((r.priority for r in rows), reverse=True)

    @rule(seconds=st.sampled_from([1.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds
        for row in self.outbox.overdue():
            self.outbox.retry(row.id, 2, "overdue")

    @rule()
    def a_worker_comes(self) -> None:
        self.outbox.make_due(self.file.now())

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        row_id = data.draw(st.sampled_from(sorted(self.kept)))
        self.outbox.answer(self.kept[row_id], b"final")

    @rule()
    def deliver(self) -> None:
        for row in self.outbox.answered(set())[:1]:
            self.outbox.delete([row.id])
            del self.kept[row.id]

    @rule()
    def reopen(self) -> None:
        self.stack.close()
        self.open()

    @invariant()
    def nothing_is_lost(self) -> None:
        assert sum(self.outbox.counts().values()) == len(self.kept)

    @invariant()
    def it_is_counted_right(self) -> None:
        assert self.file.totals == Totals.count(self.file.db)

    def teardown(self) -> None:
        self.stack.close()
        self.directory.cleanup()


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
