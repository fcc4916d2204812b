"""Nothing that runs while requests come looks at all rows, so a long queue is no slower."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.bridge.queue.accepted import Accepted
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.file.schema import ACCEPTED, UNDELIVERED
from edge_runtime.bridge.queue.kept import Kept
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.record import Record
from tests.bridge.queue.rows import add, incoming, new_row, opened

KEY = ("app", b"a", b"d")
PARTIAL = re.compile(r"USING (COVERING )?INDEX (?!sqlite_autoindex)")
KEPT = Kept(b"{}", "200", "local")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[QueueFile]:
    with opened(tmp_path / "outbox.db") as each:
        yield each


def plans(db: sqlite3.Connection, statements: list[str]) -> dict[str, str]:
    """Return how each statement finds its rows."""
    found = {}
    for statement in statements:
        if statement.split(" ", 1)[0] in {"SELECT", "UPDATE", "DELETE"}:
            steps = db.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            found[statement] = "; ".join(step[3] for step in steps)
    return found


def run_everything(file: QueueFile) -> None:
    """Do all that is done for requests and replies and as time passes, not what an owner asks."""
    outbox, record = Outbox(file), Record(file)
    row = add(outbox, new_row())
    for priority in (1, 9):
        outbox.enqueue(new_row(f"p{priority}", priority=priority))
    outbox.claim(8, 30.0)
    outbox.in_flight()
    outbox.outstanding(row.escalation)
    outbox.asked_by("app", b"a")
    outbox.read_begins(row.id)
    outbox.retry(row.id, 1.0, "no luck")
    outbox.renew(row.id)
    outbox.make_due(file.now())
    outbox.tell(row.id)
    outbox.untold(only_failed=True)
    outbox.untold(only_failed=False)
    list(outbox.least_important("last"))
    list(outbox.least_important("first"))
    outbox.expired()
    outbox.overdue()
    outbox.oldest()
    outbox.next_due(can_send=True)
    outbox.page()
    outbox.answer(row, b"{}")
    outbox.answered(set())
    outbox.set_broken(row, 0.0)
    outbox.purge()
    outbox.delete([row.id])
    record.accept(KEY, Accepted.of(incoming(), 0.0, 0.0))
    record.accepted(KEY)
    record.tried(KEY)
    record.answer(KEY, KEPT)
    record.undelivered(KEY)
    record.delivered(KEY, 0.0)
    record.keep(KEY, KEPT, 0.0)
    record.find(KEY)
    record.open_keys(ACCEPTED)
    record.open_keys(UNDELIVERED)
    record.next_due()
    record.limit(0, 0)
    record.purge()
    record.delete(KEY)


def is_slow(step: str) -> bool:
    """Whether a step sorts, or scans anything but one of our partial indexes from its begin."""
    scans = step.startswith("SCAN") and step != "SCAN CONSTANT ROW"
    return "TEMP B-TREE" in step or (scans and not PARTIAL.search(step))


def test_every_statement_finds_its_rows_by_an_index(file: QueueFile) -> None:
    said: list[str] = []
    file.db.set_trace_callback(said.append)
    run_everything(file)
    file.db.set_trace_callback(None)
    found = plans(file.db, [each for each in said if not each.startswith("--")])
    assert len(found) > 30
    slow = {
        statement: plan
        for statement, plan in found.items()
        if any(is_slow(step) for step in plan.split("; "))
    }
    assert slow == {}
