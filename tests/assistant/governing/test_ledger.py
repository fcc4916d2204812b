from __future__ import annotations

import contextlib
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.assistant.governing.ledger import Ledger
from edge_runtime.errors import UnavailableError
from edge_runtime.routing.budget import PERIOD_S, Budget, ClientBudget, Limits
from edge_runtime.routing.refusal import Refusal

DAY_S = PERIOD_S["day"]
THREE = Budget(day=Limits(requests=3, cost_usd=1.0))


class Board:
    """A board whose uptime is set."""

    def __init__(self) -> None:
        self.boot = "boot 1"
        self.seconds = 100.0

    def __call__(self) -> tuple[str, float]:
        return self.boot, self.seconds


def charge_often(ledger: Ledger, times: int, budget: Budget = THREE, client: str = "app") -> int:
    """Return how many of so many requests were let through."""
    return sum(not isinstance(ledger.charge(budget, client), Refusal) for _ in range(times))


def clients_in(path: Path) -> list[tuple[str]]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT client FROM spent").fetchall()


@pytest.mark.parametrize("is_kept", [True, False])
def test_no_more_is_charged_than_the_budget_has(tmp_path: Path, is_kept: object) -> None:
    ledger = Ledger(tmp_path / "budget.db" if is_kept else None)
    assert charge_often(ledger, 5) == 3
    refusal = ledger.charge(THREE, "app")
    assert isinstance(refusal, Refusal)
    assert refusal.by == "budget"
    assert refusal.retry_after_s is not None
    assert 0 < refusal.retry_after_s <= DAY_S


def test_the_file_is_the_owners_alone_and_only_there_when_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "state" / "budget.db"
    Ledger(path).charge(Budget(), "app")
    assert not path.parent.exists()
    Ledger(path).charge(THREE, "app")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_spent_survives_a_restart(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "budget.db")
    charge_often(ledger, 1)
    ledger.spend(THREE, "app", tokens=10, cost_usd=0.25)
    [account] = Ledger(tmp_path / "budget.db").accounts(THREE, "app")
    assert (account.spent.requests, account.spent.tokens, account.spent.cost_usd) == (1, 10, 0.25)


def test_each_client_has_a_budget_of_its_own(tmp_path: Path) -> None:
    budget = Budget(day=Limits(requests=3), client=ClientBudget(month=Limits(requests=2)))
    ledger = Ledger(tmp_path / "budget.db")
    assert charge_often(ledger, 5, budget, "one") == 2
    assert charge_often(ledger, 5, budget, "other") == 1


def test_a_day_is_over_after_a_day_of_running(tmp_path: Path) -> None:
    board = Board()
    ledger = Ledger(tmp_path / "budget.db", board)
    assert charge_often(ledger, 3) == 3
    board.seconds += DAY_S - 1
    assert charge_often(ledger, 1) == 0
    board.seconds += 1
    assert charge_often(ledger, 5) == 3


def test_neither_a_reboot_nor_a_restart_refills_anything(tmp_path: Path) -> None:
    board = Board()
    charge_often(Ledger(tmp_path / "budget.db", board), 3)
    board.boot, board.seconds = "boot 2", 10 * DAY_S
    assert charge_often(Ledger(tmp_path / "budget.db", board), 1) == 0
    board.seconds = 5.0  # a clock that goes back
    assert charge_often(Ledger(tmp_path / "budget.db", board), 1) == 0


steps = st.one_of(
    st.tuples(st.just("boot"), st.floats(0, 1e12)),  # any uptime after a reboot
    st.tuples(st.just("run"), st.floats(0, DAY_S)),
    st.tuples(st.just("back"), st.floats(0, 1e12)),
    st.tuples(st.just("charge"), st.just(0.0)),
    st.tuples(st.just("spend"), st.floats(allow_nan=True, allow_infinity=True)),
    st.tuples(st.just("refund"), st.just(0.0)),
)


@settings(max_examples=60)
@given(st.lists(steps, max_size=25))
def test_whatever_happens_no_more_is_let_through_than_time_was_lived(
    steps: list[tuple[str, float]],
) -> None:
    board, lived_s, passed, refunded = Board(), 0.0, 0, 0
    ledger = Ledger(None, board)
    for kind, value in steps:
        if kind == "boot":
            board.boot, board.seconds = f"{board.boot}'", value
        elif kind == "run":
            board.seconds += value
            lived_s += value
        elif kind == "back":
            board.seconds -= value
        elif kind == "charge":
            passed += charge_often(ledger, 1)
        elif kind == "spend":
            ledger.spend(THREE, "app", tokens=-5, cost_usd=value)
        else:
            ledger.refund(THREE, "app")
            refunded += 1
        [account] = ledger.accounts(THREE, "app")
        assert 0 <= account.spent.requests <= 3
        assert account.spent.tokens == 0
        assert account.cost_left_usd >= 0
    assert passed <= 3 * (1 + lived_s // DAY_S) + refunded


def test_two_processes_never_take_the_last_request_both(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from edge_runtime.assistant.governing.ledger import Ledger;"
        "from edge_runtime.routing.budget import Budget, Limits;"
        "ledger = Ledger(Path(sys.argv[1])); budget = Budget(day=Limits(requests=20));"
        "print(sum(isinstance(ledger.charge(budget, 'app'), list) for _ in range(20)))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "budget.db")]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    passed = [int(child.communicate()[0]) for child in children]
    assert sum(passed) == 20


@pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 100, None])
def test_without_a_ledger_nothing_may_be_spent(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "budget.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(UnavailableError, match="ledger"):
        Ledger(path).charge(THREE, "app")
    with pytest.raises(UnavailableError, match="ledger"):
        Ledger(path).accounts(THREE, "app")


def test_what_is_over_is_forgotten(tmp_path: Path) -> None:
    board = Board()
    budget = Budget(client=ClientBudget(day=Limits(requests=3)))
    ledger = Ledger(tmp_path / "budget.db", board)
    for number in range(20):
        ledger.charge(budget, f"client-{number}")
    path = tmp_path / "budget.db"
    assert ("client-7",) in clients_in(path)
    board.seconds += DAY_S
    ledger.charge(budget, "another")
    assert clients_in(path) == [("another",)]


def test_it_is_open_once_and_follows_a_file_that_is_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "budget.db"
    ledger = Ledger(path)
    assert charge_often(ledger, 5) == 3
    path.rename(tmp_path / "away.db")
    assert charge_often(ledger, 5) == 3
    assert charge_often(Ledger(path), 1) == 0


def test_a_process_that_is_killed_forgets_nothing_and_one_that_ends_leaves_one_file(
    tmp_path: Path,
) -> None:
    code = (
        "import os, sys; from pathlib import Path;"
        "from edge_runtime.assistant.governing.ledger import Ledger;"
        "from edge_runtime.routing.budget import Budget, Limits;"
        "ledger = Ledger(Path(sys.argv[1])); budget = Budget(day=Limits(requests=9));"
        "ledger.charge(budget, 'app'); ledger.spend(budget, 'app', tokens=5, cost_usd=0.5);"
        "[os.kill(os.getpid(), 9) for _ in sys.argv[2:]]"
    )
    path = tmp_path / "budget.db"
    for often, last in enumerate((["kill"], []), start=1):
        subprocess.run([sys.executable, "-c", code, str(path), *last], check=False)
        for each in tmp_path.iterdir():
            assert stat.S_IMODE(each.stat().st_mode) == 0o600
        if not last:
            assert [each.name for each in tmp_path.iterdir()] == ["budget.db"]
        [account] = Ledger(path).accounts(Budget(day=Limits(requests=9)), "app")
        assert (account.spent.requests, account.spent.tokens) == (often, 5 * often)
