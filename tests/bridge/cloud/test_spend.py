from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edge_runtime.bridge.cloud.spend import SpendBook
from edge_runtime.errors import UnavailableError
from edge_runtime.messages import ErrorInfo, Reply

ID = "ab" * 16
DAY_S = 86_400
NOON = 1_790_000_000 // DAY_S * DAY_S + DAY_S / 2


def reply(cost_usd: float, error: ErrorInfo | None = None) -> Reply:
    return Reply(
        id=ID, text="x", cost_usd=cost_usd, prompt_tokens=10, generation_tokens=2, error=error
    )


def test_calls_add_up_by_day_node_and_model_and_survive_a_restart(tmp_path: Path) -> None:
    now = [NOON]
    book = SpendBook(tmp_path / "worker/spend.db", lambda: now[0])
    book.add("a", "m", reply(0.5))
    book.add("a", "m", reply(0.25, ErrorInfo("499", "cancelled", "withdrawn")))
    book.add("b", "m", reply(0.0))
    book.add("a", "large", reply(2.0))
    now[0] += DAY_S
    book.close()
    again = SpendBook(tmp_path / "worker/spend.db", lambda: now[0])
    again.add("a", "m", reply(1.0))
    rows = [(each.node, each.model, each.calls, each.failed, each.cost_usd)
            for each in again.sums()]  # fmt: skip
    assert rows == [
        ("a", "m", 1, 0, 1.0),
        ("a", "large", 1, 0, 2.0),
        ("a", "m", 2, 1, 0.75),
        ("b", "m", 1, 0, 0.0),
    ]
    assert [each.prompt_tokens for each in again.sums()] == [10, 10, 20, 10]
    assert len(again.sums(days=1)) == 1


def test_it_does_not_grow_for_ever(tmp_path: Path) -> None:
    now = [NOON]
    book = SpendBook(tmp_path / "spend.db", lambda: now[0])
    book.add("a", "m", reply(1.0))
    now[0] += 500 * DAY_S
    book.add("a", "m", reply(1.0))
    assert len(book.sums(days=10_000)) == 1


def test_several_threads_and_processes_lose_nothing(tmp_path: Path) -> None:
    books = [SpendBook(tmp_path / "spend.db") for _ in range(3)]

    def spend(book: SpendBook) -> None:
        for _ in range(20):
            book.add("a", "m", reply(0.5))

    threads = [threading.Thread(target=spend, args=(book,)) for book in books * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (row,) = books[0].sums()
    assert (row.calls, row.cost_usd) == (120, 60.0)


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    SpendBook(tmp_path / "spend.db").add("a", "m", reply(1.0))
    assert (tmp_path / "spend.db").stat().st_mode & 0o077 == 0


def test_asking_for_sums_makes_no_file(tmp_path: Path) -> None:
    assert SpendBook(tmp_path / "none/spend.db").sums() == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_record_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "spend.db").write_bytes(b"something else" * 200)
    with pytest.raises(UnavailableError, match="record of what was spent"):
        SpendBook(tmp_path / "spend.db").add("a", "m", reply(1.0))
