"""Which keys a file may know: never one too few, however rows come and go."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from edge_runtime.bridge.queue.file.keys import KnownKeys
from edge_runtime.bridge.queue.kept import Kept
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.record import Record
from tests.bridge.queue.rows import add, new_row, opened

KEPT = Kept(b"{}", "200", "local")


def key(name: str) -> tuple[str, bytes, bytes]:
    return "app", name.encode(), b"d"


def test_what_comes_and_goes_is_counted_as_it_stands_in_the_file(tmp_path: Path) -> None:
    with opened(tmp_path / "outbox.db") as file:
        outbox, record = Outbox(file), Record(file)
        record.keep(key("a"), KEPT, 60.0)
        record.keep(key("a"), KEPT, 60.0)
        row = add(outbox, new_row("b"))
        outbox.enqueue(new_row("b"))
        record.keep(key("b"), KEPT, 60.0)  # in both tables for a moment
        assert file.keys == KnownKeys.count(file.db)
        outbox.delete([row.id])
        assert all(each in file.keys for each in (key("a"), key("b")))
        record.forget(None, with_accepted=True)
        assert file.keys == KnownKeys()
        broken = add(outbox, new_row("c"))
        outbox.set_broken(broken, 0.0)
        assert key("c") in file.keys
        outbox.purge()
        assert file.keys == KnownKeys()


def test_what_is_evicted_is_known_until_that_is_on_disk(tmp_path: Path) -> None:
    with opened(tmp_path / "outbox.db") as file:
        record = Record(file)
        for number in range(150):
            record.keep(key(str(number)), KEPT, 60.0 + number)
        with file.batch():
            record.limit(100, 2**40)
            assert key("0") in file.keys
        assert key("0") not in file.keys
        assert key("149") in file.keys
        assert file.keys == KnownKeys.count(file.db)


def test_a_transaction_that_comes_to_nothing_changes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "outbox.db") as file:
        record = Record(file)
        record.keep(key("a"), KEPT, 60.0)
        with pytest.raises(sqlite3.Error), file.batch():  # noqa: PT012
            record.delete(key("a"))
            record.keep(key("b"), KEPT, 60.0)
            file.db.execute("no SQL")
        assert key("a") in file.keys
        assert key("b") not in file.keys


def test_a_place_that_has_counted_too_many_is_never_empty_again() -> None:
    known = KnownKeys()
    for _ in range(70_000):
        known.add(key("a"))
    for _ in range(70_000):
        known.remove(key("a"))
    assert key("a") in known
