"""What the owner of a device sees of its outbox and does with it, whether a node runs or not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from edge_runtime.bridge.queue.events import count_drop
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.replies import cancelled
from edge_runtime.bridge.queue.row import Row, State
from edge_runtime.errors import BadRequestError, EdgeError

_Result = TypeVar("_Result")


class Listed(msgspec.Struct, frozen=True):
    """An escalation without anybody's text; ``id`` may be abbreviated."""

    id: str
    client: str
    state: State
    priority: int
    attempts: int
    age_s: float
    due_s: float
    expires_s: float
    bytes: int
    why: str


class Shown(Listed, frozen=True):
    """An escalation with what is kept of it: the query until it is answered, then the answer."""

    pending: dict[str, Any] | None
    answer: dict[str, Any] | None
    topic: str | None


class Run(Protocol):
    """Runs a step in a transaction of its own and returns its result."""

    def __call__(self, step: Callable[[], _Result], /) -> _Result:
        """Run it; raises UnavailableError when the file cannot be changed."""


class Owner:
    """``withdraw`` ends a row with an error. Any thread may call.

    Raises:
        UnavailableError: from any method, the file cannot be used.
    """

    def __init__(
        self,
        file: QueueFile,
        outbox: Outbox,
        run: Run,
        withdraw: Callable[[Row, EdgeError], None],
    ) -> None:
        self._file = file
        self._outbox = outbox
        self._run = run
        self._withdraw = withdraw

    def listed(self) -> Iterator[Listed]:
        """Yield all rows in the order of arrival."""
        for rows, now in self._pages():
            yield from (_listed(row, now) for row in rows)

    def shown(self) -> Iterator[Shown]:
        """Yield all rows with their texts."""
        for rows, now in self._pages():
            yield from (_shown(row, now) for row in rows)

    def show(self, name: str) -> Shown:
        """Return one row with its texts.

        Raises:
            BadRequestError: no row has this id, or several begin so.
        """
        row = self._run(lambda: self._one(name))
        return _shown(row, self._file.now())

    def retry(self, name: str | None) -> int:
        """Let a row, or all, be due now, with all its attempts before it; return how many wait.

        Raises:
            BadRequestError: no row has this id, or several begin so.
        """
        return self._each(name, self._retry)

    def drop(self, name: str | None) -> int:
        """Answer a row, or all that wait, with 499; return how many.

        Raises:
            BadRequestError: no row has this id, or several begin so.
        """
        return self._each(name, self._drop)

    def _retry(self, row: Row) -> bool:
        if row.state != "waiting":
            return False
        self._outbox.renew(row.id)
        return True

    def _drop(self, row: Row) -> bool:
        if row.state not in {"waiting", "claimed"}:
            return False
        self._withdraw(row, cancelled("the owner of the device"))
        count_drop(self._file, "owner")
        return True

    def _each(self, name: str | None, change: Callable[[Row], bool]) -> int:
        if name is not None:
            return self._run(lambda: int(change(self._one(name))))
        count, after = 0, 0
        while True:
            last, changed = self._run(lambda: self._change_page(after, change))  # noqa: B023 - at once
            count += changed
            if last is None:
                return count
            after = last

    def _change_page(self, after: int, change: Callable[[Row], bool]) -> tuple[int | None, int]:
        rows = self._outbox.page(after)
        return rows[-1].id if rows else None, sum(map(change, rows))

    def _pages(self) -> Iterator[tuple[list[Row], float]]:
        after = 0
        while True:
            rows = self._run(lambda: self._outbox.page(after))  # noqa: B023 - at once
            if not rows:
                return
            yield rows, self._file.now()
            after = rows[-1].id

    def _one(self, name: str) -> Row:
        found = self._outbox.named(name)
        if not found:
            raise BadRequestError(f"no escalation begins with {name!r}; see: edge-run queue ls")
        if len(found) > 1:
            raise BadRequestError(f"several escalations begin with {name!r}; give more of the id")
        return found[0]


@contextlib.contextmanager
def owner_at_rest(path: Path) -> Iterator[Owner]:
    """Give the outbox of a node that does not run; what is dropped is told when it does.

    The caller sees to it that no process owns the file.

    Raises:
        ConfigError: the file is no outbox.
    """
    file = QueueFile(path)
    outbox = Outbox(file)

    def run(step: Callable[[], _Result]) -> _Result:
        with file.batch():
            return step()

    def withdraw(row: Row, why: EdgeError) -> None:
        pending = row.read_pending()
        if pending is None:
            raise BadRequestError(f"escalation {row.escalation} is damaged; start the node")
        outbox.answer(row, row.encoded(pending.failed(why)))

    try:
        yield Owner(file, outbox, run, withdraw)
    finally:
        file.close()


def _listed(row: Row, now: float) -> Listed:
    return Listed(**_facts(row, now))


def _shown(row: Row, now: float) -> Shown:
    route = row.read_route()
    return Shown(
        **_facts(row, now),
        pending=msgspec.to_builtins(row.read_pending()),
        answer=None if row.answer is None else msgspec.json.decode(row.answer),
        topic=None if route is None else route.topic,
    )


def _facts(row: Row, now: float) -> dict[str, Any]:
    is_open = row.state in {"waiting", "claimed"}
    return {
        "id": row.escalation,
        "client": row.client,
        "state": row.state,
        "priority": row.priority,
        "attempts": row.attempts,
        "age_s": round(now - row.arrived, 1),
        "due_s": round(max(0.0, row.due - now), 1) if is_open else 0.0,
        "expires_s": round(max(0.0, row.expires - now), 1) if is_open else 0.0,
        "bytes": row.size_bytes + len(row.answer or b""),
        "why": row.why,
    }
