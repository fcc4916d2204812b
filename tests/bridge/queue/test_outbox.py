from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_runtime.bridge.queue.outbox import Outbox, Row
from edge_runtime.errors import ConfigError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.db"


@pytest.fixture
def outbox(path: Path, clock: Clock) -> Iterator[Outbox]:
    box = Outbox(path, clock)
    yield box
    box.close()


def add(
    outbox: Outbox, name: str = "a", *, client: str = "app", digest: bytes = b"d", ttl_s: float = 60
) -> Row:
    row, _ = outbox.enqueue(
        escalation=f"{name}-{client}-{digest.hex()}",
        client=client,
        correlation=name.encode(),
        digest=digest,
        arrived=1000.0,
        expires=1000.0 + ttl_s,
        route=b"{}",
        pending=b'{"secret": "Ada"}',
    )
    return row


def test_the_file_and_its_journal_are_private(outbox: Outbox, path: Path) -> None:
    add(outbox)
    for file in path.parent.glob("outbox.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_same_request_is_kept_once(outbox: Outbox) -> None:
    first = add(outbox)
    assert add(outbox).id == first.id
    assert add(outbox, client="other").id != first.id
    assert add(outbox, digest=b"other").id != first.id
    assert outbox.counts() == {"waiting": 3}


def test_due_rows_are_claimed_once_and_the_oldest_first(outbox: Outbox, clock: Clock) -> None:
    names = [f"n{number}" for number in range(5)]
    for name in names:
        add(outbox, name)
        clock.now += 1
    claimed = [row.correlation.decode() for row in outbox.claim(3, timeout_s=30)]
    claimed += [row.correlation.decode() for row in outbox.claim(9, timeout_s=30)]
    assert claimed == names
    assert outbox.in_flight() == 5


def test_a_retry_is_due_later_unless_a_worker_comes(outbox: Outbox, clock: Clock) -> None:
    row = add(outbox)
    outbox.claim(1, timeout_s=30)
    outbox.retry(row.id, 10, "no luck")
    assert outbox.claim(1, timeout_s=30) == []
    outbox.make_all_due()
    (again,) = outbox.claim(1, timeout_s=30)
    assert (again.attempts, again.why) == (1, "no luck")
    outbox.retry(row.id, 10, "no luck")
    clock.now += 10
    assert len(outbox.claim(1, timeout_s=30)) == 1


def test_what_is_overdue_or_expired_is_found(outbox: Outbox, clock: Clock) -> None:
    add(outbox, "slow", ttl_s=100)
    add(outbox, "waiting", ttl_s=50)
    outbox.claim(1, timeout_s=30)
    assert outbox.next_due(can_send=False) == 1030
    assert outbox.next_due(can_send=True) == 1000
    clock.now += 31
    assert [row.correlation for row in outbox.overdue()] == [b"slow"]
    clock.now += 20
    assert [row.correlation for row in outbox.expired()] == [b"waiting"]


def test_a_reply_finds_only_what_is_outstanding(outbox: Outbox) -> None:
    row = add(outbox)
    assert outbox.outstanding("unknown") is None
    found = outbox.outstanding(row.escalation)
    assert found is not None
    assert found.id == row.id
    outbox.answer(row.id, b"final")
    assert outbox.outstanding(row.escalation) is None
    outbox.answer(row.id, b"another")
    assert outbox.answered()[0].answer == b"final"


def test_a_delivered_query_is_forgotten_and_its_answer_kept_for_a_while(
    outbox: Outbox, clock: Clock, path: Path
) -> None:
    row = add(outbox)
    outbox.answer(row.id, b"final")
    outbox.delivered(row.id, keep_s=600)
    again = add(outbox)
    assert (again.id, again.answer, again.pending) == (row.id, b"final", b"")
    outbox.purge()
    assert outbox.counts() == {"delivered": 1}
    clock.now += 600
    outbox.purge()
    assert outbox.counts() == {}
    outbox.close()
    assert b"Ada" not in path.read_bytes()


def test_a_batch_is_all_or_nothing(outbox: Outbox) -> None:
    def failing() -> None:
        with outbox.batch():
            add(outbox)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert outbox.counts() == {}


def test_it_survives_the_end_of_its_process(path: Path, clock: Clock) -> None:
    program = f"""
import os, signal
from pathlib import Path
from edge_runtime.bridge.queue.outbox import Outbox
from tests.bridge.test_outbox import add
box = Outbox(Path({str(path)!r}), lambda: 1000.0)
for number in range(3):
    add(box, f"n{{number}}")
box.claim(1, timeout_s=30)
box.answer(add(box, "n2").id, b"final")
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    box = Outbox(path, clock)
    assert box.counts() == {"claimed": 1, "waiting": 1, "answered": 1}
    assert box.answered()[0].answer == b"final"
    box.close()


@pytest.mark.parametrize(
    "content", [b"this is not a database, only text" * 100, b"SQLite format 3"]
)
def test_another_file_is_not_taken_for_an_outbox(path: Path, clock: Clock, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"outbox\.db"):
        Outbox(path, clock)
    assert path.read_bytes() == content


def test_a_newer_format_is_refused(path: Path, clock: Clock) -> None:
    Outbox(path, clock).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ConfigError, match="format is 99"):
        Outbox(path, clock)


class OutboxMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, no row is lost before it was delivered."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.directory = tempfile.TemporaryDirectory()
        self.outbox = Outbox(Path(self.directory.name) / "outbox.db", self.clock)
        self.kept: dict[int, str] = {}

    @rule(name=st.sampled_from("abcdef"))
    def enqueue(self, name: str) -> None:
        row = add(self.outbox, name)
        if row.state != "delivered":
            self.kept[row.id] = row.escalation

    @rule(limit=st.integers(0, 3))
    def claim(self, limit: int) -> None:
        for row in self.outbox.claim(limit, timeout_s=5):
            assert row.state == "waiting"

    @rule(seconds=st.sampled_from([1.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds
        for row in self.outbox.overdue():
            self.outbox.retry(row.id, 2, "overdue")

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        self.outbox.answer(data.draw(st.sampled_from(sorted(self.kept))), b"final")

    @rule()
    def deliver(self) -> None:
        for row in self.outbox.answered()[:1]:
            self.outbox.delivered(row.id, keep_s=3)
            del self.kept[row.id]

    @rule()
    def purge(self) -> None:
        self.outbox.purge()

    @rule()
    def reopen(self) -> None:
        self.outbox.close()
        self.outbox = Outbox(Path(self.directory.name) / "outbox.db", self.clock)

    @invariant()
    def nothing_is_lost(self) -> None:
        counts = self.outbox.counts()
        held = counts.get("waiting", 0) + counts.get("claimed", 0) + counts.get("answered", 0)
        assert held == len(self.kept)

    def teardown(self) -> None:
        self.outbox.close()
        self.directory.cleanup()


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=30, stateful_step_count=25)
