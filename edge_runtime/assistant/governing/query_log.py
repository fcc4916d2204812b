"""Writes the query log, if the owner wants one."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_runtime.messages import Reply, Request
from edge_runtime.routing.decision import Decision, Question
from edge_runtime.routing.query_records import QueryRecord, Record, ReplyRecord

_log = logging.getLogger(__name__)

_MOST_BYTES = 8 * 1024 * 1024


class QueryLog:
    """Appends records to a file that only its owner can read; one that is full becomes ``.1``.

    What cannot be written is told once in the log of the process, and answers go on.
    """

    def __init__(
        self,
        path: Path,
        *,
        with_text: bool = False,
        most_bytes: int = _MOST_BYTES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._with_text = with_text
        self._most_bytes = most_bytes
        self._now = now
        self._lock = threading.Lock()
        self._failed = False

    def asked(
        self,
        request: Request,
        question: Question,
        decision: Decision,
        *,
        escalation: str,
        infer_ms: float,
    ) -> None:
        """Note a query; of one whose privacy is ``local`` no more than that it was there."""
        at = round(self._now(), 3)
        if decision.policy.privacy == "local":
            self._write(QueryRecord(at, decision.outcome, request.client, private=True))
            return
        facts = question.facts
        self._write(
            QueryRecord(
                at=at,
                outcome=decision.outcome,
                client=request.client,
                id=escalation,
                intent=facts.intent,
                confidence=round(question.confidence, 4),
                command=facts.command,
                entities=None if facts.entities is None else sorted(facts.entities),
                language=facts.language,
                nearness=None if facts.nearness is None else dict(facts.nearness),
                difficulty=question.difficulty,
                follows=question.follows,
                asked=request.policy,
                infer_ms=infer_ms,
                text=request.text if self._with_text else None,
            )
        )

    def replied(self, reply: Reply, took_s: float) -> None:
        """Note what came of asking."""
        self._write(
            ReplyRecord(
                id=reply.id,
                cost_usd=reply.cost_usd,
                tokens=reply.prompt_tokens + reply.generation_tokens,
                cloud_ms=round(took_s * 1e3, 3),
                error=None if reply.error is None else reply.error.code,
            )
        )

    def _write(self, record: Record) -> None:
        line = msgspec.json.encode(record) + b"\n"
        try:
            with self._lock:
                self._append(line)
        except OSError as exc:
            if not self._failed:
                _log.error("the query log %s cannot be written: %s", self._path, exc.strerror)
            self._failed = True

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        opened = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            if os.fstat(opened).st_size + len(line) > self._most_bytes:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
                os.close(opened)
                opened = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
            os.write(opened, line)  # whole lines, also when several processes write
        finally:
            os.close(opened)
