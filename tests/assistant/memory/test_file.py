from __future__ import annotations

import random
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.assistant.caching.answers import KeptAnswers, KeptReply
from edge_runtime.assistant.caching.question import question
from edge_runtime.assistant.memory.file import Forgotten, Memory
from edge_runtime.assistant.memory.purging import Purging
from edge_runtime.errors import UnavailableError
from edge_runtime.routing.keeping import CachePolicy
from tests.assistant.clocks import Board
from tests.bridge.harness import until

TTL_S = 100.0
SECRET = "xylophone-7731"


def keep(memory: Memory, client: str = "app", text: str = SECRET) -> None:
    policy = CachePolicy(on=True, ttl_s=TTL_S, most_answers=10_000)
    KeptAnswers(memory).keep(client, question(text, ()), KeptReply(text, "big"), policy)


def kept(path: Path) -> int:
    with sqlite3.connect(path) as db:
        (count,) = db.execute("SELECT count(*) FROM answers").fetchone()
    db.close()
    return int(count)


def holds(directory: Path, secret: str = SECRET) -> list[str]:
    return [
        each.name
        for each in directory.rglob("*")
        if each.is_file() and secret.encode() in each.read_bytes()
    ]


def test_only_the_owner_may_read_the_file_and_its_journal(tmp_path: Path) -> None:
    path = tmp_path / "state" / "memory.db"
    with Board().memory(path).transaction() as (db, _):
        db.execute("DELETE FROM answers")
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes["memory.db"] == 0o600
    assert "memory.db-wal" in modes
    assert set(modes.values()) == {0o600}


def test_nothing_is_made_by_looking_for_what_is_over_or_forgetting(tmp_path: Path) -> None:
    memory = Board().memory(tmp_path / "memory.db")
    memory.purge()
    assert memory.forget() == Forgotten(0, 0)
    assert list(tmp_path.iterdir()) == []


def both_clocks_run(board: Board) -> None:
    board.run(TTL_S)


def the_clock_is_set_ahead(board: Board) -> None:
    board.wall_s += TTL_S


def the_board_was_off(board: Board) -> None:
    board.reboot("second", off_s=TTL_S)


def the_clock_is_set_to_1970(board: Board) -> None:
    board.wall_s = 0.0
    board.run(TTL_S)


@pytest.mark.parametrize(
    "change",
    [both_clocks_run, the_clock_is_set_ahead, the_board_was_off, the_clock_is_set_to_1970],
)
def test_over_its_time_by_one_of_the_clocks_is_over(
    change: Callable[[Board], None], tmp_path: Path
) -> None:
    board, path = Board(), tmp_path / "memory.db"
    keep(board.memory(path))
    change(board)
    board.memory(path).purge()
    assert kept(path) == 0
    assert holds(tmp_path) == []


def test_a_clock_that_is_set_back_does_not_make_it_live_longer(tmp_path: Path) -> None:
    board, path = Board(), tmp_path / "memory.db"
    keep(board.memory(path))
    board.wall_s -= 1e6
    board.run(TTL_S - 1)
    board.memory(path).purge()
    assert kept(path) == 1
    board.run(1)
    board.memory(path).purge()
    assert kept(path) == 0


def test_running_times_of_several_boots_add_up_without_a_clock(tmp_path: Path) -> None:
    board, path = Board(), tmp_path / "memory.db"
    keep(board.memory(path))
    for boot in ("second", "third"):
        board.reboot(boot)
        board.wall_s = 0.0  # as it begins on a board without a battery
        board.memory(path).purge()
        board.run(TTL_S / 2)
        with board.memory(path).transaction():
            pass
    assert kept(path) == 0


def test_purging_writes_nothing_while_nothing_is_over(tmp_path: Path) -> None:
    board, path = Board(), tmp_path / "memory.db"
    keep(board.memory(path))
    before = path.read_bytes()
    board.run(TTL_S / 2)
    board.memory(path).purge()
    assert path.read_bytes() == before


def test_purging_goes_on_by_itself(tmp_path: Path) -> None:
    board, path = Board(), tmp_path / "memory.db"
    keep(board.memory(path))
    purging = Purging(board.memory(path), every_s=0.01)
    purging.start()
    board.run(TTL_S)
    until(lambda: kept(path) == 0, "the answer to be gone")
    purging.stop()
    assert holds(tmp_path) == []


def test_forgetting_a_client_leaves_no_byte_of_it_and_the_others_alone(tmp_path: Path) -> None:
    memory = Board().memory(tmp_path / "memory.db")
    for number in range(300):  # pages enough to be split and freed
        keep(memory, "app", f"{SECRET} {number} {'x' * 300}")
        keep(memory, "other", f"harmless {number}")
    assert holds(tmp_path) != []
    assert memory.forget("app").answers == 300
    assert holds(tmp_path) == []
    assert kept(tmp_path / "memory.db") == 300
    assert memory.forget().answers == 300


def test_without_a_path_everything_stays_in_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    memory = Board().memory()
    keep(memory)
    assert memory.forget("app").answers == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_none_of_ours_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    path.write_bytes(b"something else" * 500)
    with pytest.raises(UnavailableError, match=r"memory\.db"):
        keep(Board().memory(path))
    assert path.read_bytes() == b"something else" * 500


def test_at_expiry_no_page_holds_an_older_copy(tmp_path: Path) -> None:
    board, path = Board(), tmp_path / "memory.db"
    memory, chance = board.memory(path), random.Random(3)  # noqa: S311 - not a secret
    for number in range(400):
        board.run(0.1)
        filler = "x" * chance.randrange(10, 900)
        keep(memory, str(chance.randrange(10**9)), f"{SECRET if number % 2 else 'fine'} {filler}")
    board.run(TTL_S - 20)
    memory.purge()
    assert 0 < kept(path) < 400
    board.run(20)
    memory.purge()
    assert kept(path) == 0
    assert holds(tmp_path) == []
