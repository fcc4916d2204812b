"""What was spent of the owner's budget, in one small SQLite file.

Several processes of one user may spend: each change is a transaction of its own that holds the
file's write lock from the look at what is left to the charge. A request is on disk when it is
charged. What an answer took is on disk with the next request: a process that is killed forgets
none of it, a power cut perhaps what the last answers took.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edge_runtime.assistant.state_file import (
    CLOCK_TABLE,
    StateFile,
    Uptime,
    board_uptime,
    prepare,
    read_clock,
    write_clock,
)
from edge_runtime.routing.budget import PERIOD_S, Account, Budget, Period, Spent
from edge_runtime.routing.refusal import Refusal

if TYPE_CHECKING:
    import sqlite3

FILE_NAME = "budget.db"

_FORMAT = 1
_SCHEMA = (
    CLOCK_TABLE,
    """CREATE TABLE spent (
        client TEXT NOT NULL,
        period TEXT NOT NULL,
        begun_s REAL NOT NULL,
        requests INTEGER NOT NULL CHECK (requests >= 0),
        tokens INTEGER NOT NULL CHECK (tokens >= 0),
        cost_usd REAL NOT NULL CHECK (cost_usd >= 0),
        PRIMARY KEY (client, period)
    ) STRICT""",
)


class Ledger:
    """The accounts of all clients; threads may share it, and so may processes.

    Without a path it is kept in memory and forgotten with the process. Nothing is opened or made
    while the budget has no limits.

    Raises:
        UnavailableError: from any method, when the file cannot be read or written: then nobody can
            say what is left, so nothing may be spent.
    """

    def __init__(self, path: Path | None, uptime: Uptime = board_uptime) -> None:
        self._file = StateFile(
            path, "budget's ledger", "nothing is spent without it", ("journal_mode = WAL",),
            stays_open=True,
        )  # fmt: skip
        self._uptime = uptime

    def accounts(self, budget: Budget, client: str) -> list[Account]:
        """Return what is left for a client; nothing when there are no limits."""
        if not budget.is_limited:
            return []
        with self._transaction() as books:
            return books.accounts(budget, client)

    def charge(self, budget: Budget, client: str) -> Refusal | list[Account]:
        """Charge one request if no budget is spent; return what was left before, or why not."""
        if not budget.is_limited:
            return []
        with self._transaction("FULL") as books:
            accounts = books.accounts(budget, client)
            refusals = [each for each in map(Account.refusal, accounts) if each is not None]
            if refusals:
                # what lasts longest is what whoever asked has to know
                return max(refusals, key=lambda each: each.retry_after_s or 0.0)
            books.change(accounts, lambda spent: spent.plus(requests=1))
            return accounts

    def spend(self, budget: Budget, client: str, *, tokens: int, cost_usd: float) -> None:
        """Charge what an answer took."""
        if budget.is_limited:
            with self._transaction() as books:
                accounts = books.accounts(budget, client)
                books.change(accounts, lambda spent: spent.plus(tokens=tokens, cost_usd=cost_usd))

    def refund(self, budget: Budget, client: str) -> None:
        """Take back the charge for a request that nobody received."""
        if budget.is_limited:
            with self._transaction() as books:
                books.change(books.accounts(budget, client), Spent.without_request)

    @contextlib.contextmanager
    def _transaction(self, synchronous: Literal["FULL", "NORMAL"] = "NORMAL") -> Iterator[_Books]:
        with self._file.opened() as db:
            db.execute(f"PRAGMA synchronous = {synchronous}")
            db.execute("BEGIN IMMEDIATE")
            prepare(db, _SCHEMA, _FORMAT)
            yield _Books(db, *self._uptime())
            db.execute("COMMIT")


class _Books:
    """The open ledger, as of now."""

    def __init__(self, db: sqlite3.Connection, boot: str, uptime_s: float) -> None:
        self._db = db
        self._clock = read_clock(db).at(boot, uptime_s)

    def accounts(self, budget: Budget, client: str) -> list[Account]:
        return [
            Account(name, period, limits, self._spent(name, period), self._clock.lived_s)
            for name, period, limits in budget.limits(client)
        ]

    def change(self, accounts: list[Account], change: Callable[[Spent], Spent]) -> None:
        clock = self._clock
        write_clock(self._db, clock)
        for period, seconds in PERIOD_S.items():
            self._db.execute(
                "DELETE FROM spent WHERE period = ? AND ? - begun_s >= ?",
                (period, clock.lived_s, seconds),
            )
        for each in accounts:
            spent = change(each.spent)
            self._db.execute(
                "INSERT OR REPLACE INTO spent VALUES (?, ?, ?, ?, ?, ?)",
                (each.client, each.period, spent.begun_s, spent.requests, spent.tokens,
                 spent.cost_usd),
            )  # fmt: skip

    def _spent(self, client: str, period: Period) -> Spent:
        row = self._db.execute(
            "SELECT begun_s, requests, tokens, cost_usd FROM spent WHERE client = ? AND period = ?",
            (client, period),
        ).fetchone()
        lived_s = self._clock.lived_s
        return (Spent(*row) if row else Spent(lived_s)).at(period, lived_s)
