"""How much the file holds: counted when it is opened, then kept up to date with each change."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from edge_runtime.bridge.queue.file.schema import TOTALS

ROW_BYTES = 512  # of columns and indexes, besides the messages in a row


@dataclass
class Totals:
    """Escalations without an answer, and requests in the journal; bytes are those of messages."""

    escalations: int = 0
    escalation_bytes: int = 0
    requests: int = 0
    request_bytes: int = 0

    @classmethod
    def count(cls, db: sqlite3.Connection) -> Totals:
        """Count what is there."""
        rows, size_bytes, requests, request_bytes = db.execute(TOTALS).fetchone()
        return cls(
            rows, size_bytes + rows * ROW_BYTES, requests, request_bytes + requests * ROW_BYTES
        )

    def add_escalation(self, message_bytes: int, rows: int = 1) -> None:
        """Note one more, or with ``rows=-1`` one less."""
        self.escalations += rows
        self.escalation_bytes += rows * (message_bytes + ROW_BYTES)

    def add_request(self, message_bytes: int, rows: int = 1) -> None:
        """Note one more, or with ``rows=-1`` one less."""
        self.requests += rows
        self.request_bytes += rows * (message_bytes + ROW_BYTES)
