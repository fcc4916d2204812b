"""Files with many waiting escalations, and what it takes to add, claim and finish some more."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Self

from benchmarks.harness.alternation import Case
from benchmarks.harness.process import Measured
from benchmarks.harness.timing import Stopwatch
from edge_runtime.bridge.queue.file.queue_file import QueueFile
from edge_runtime.bridge.queue.outbox import Outbox
from edge_runtime.bridge.queue.row import NewRow, Row

_LEASE_S = 1e9
_TTL_S = 1e9
_FILL = 20_000  # rows in a transaction
_ROUTE = b'{"client":"app","topic":"edge/v1/kitchen/res/app","request_id":"0123456789abcdef"}'
_PENDING = b'{"escalation":{"text":"' + b"x" * 220 + b'"}}'
_ANSWER = b'{"id":"0123456789abcdef","task":"ask","result":{"text":"because"}}'


class Length:
    """A contestant: a queue that always has so many waiting rows."""

    def __init__(self, rows: int, directory: Path) -> None:
        self.name = f"{rows:,} rows"
        self.path = directory / f"{rows}.db"
        self._file = QueueFile(self.path)
        self._outbox = Outbox(self._file)
        left = rows
        while left:
            some = min(left, _FILL)
            with self._file.batch():
                for _ in range(some):
                    self._outbox.enqueue(_new_row())
            left -= some

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._file.close()

    def measure(self, case: Case) -> Measured:
        """Add, claim and finish ``rows`` rows, ``together`` in one transaction."""
        together: int = case["together"]
        turns: int = case["rows"] // together
        rows = [[_new_row() for _ in range(together)] for _ in range(turns)]
        watch = Stopwatch()
        for some in rows:
            with self._file.batch():
                for each in some:
                    self._outbox.enqueue(each)
        enqueue = watch.lap(turns)
        claimed: list[list[Row]] = []
        for _ in range(turns):
            with self._file.batch():
                claimed.append(self._outbox.claim(together, _LEASE_S))
        claim = watch.lap(turns)
        for found in claimed:
            with self._file.batch():
                for row in found:
                    self._outbox.answer(row, _ANSWER)
                self._outbox.delete(row.id for row in found)
        finish = watch.lap(turns)
        return Measured({"enqueue": enqueue, "claim": claim, "answer and delete": finish}, {})


def _new_row() -> NewRow:
    return NewRow(
        escalation=secrets.token_hex(16),
        key=("app", secrets.token_bytes(16), secrets.token_bytes(16)),
        priority=4,
        arrived=0.0,
        expires=_TTL_S,
        route=_ROUTE,
        pending=_PENDING,
    )
