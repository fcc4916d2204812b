"""The way of one query: preprocess, decide, answer or escalate, finalize."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec

import edge_runtime
from edge_runtime.assistant.local import open_local
from edge_runtime.assistant.pending import Pending
from edge_runtime.assistant.reading import Reading, read
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BadRequestError
from edge_runtime.messages import (
    Answer,
    Escalation,
    Reply,
    Request,
    Timing,
    check_text,
)
from edge_runtime.routing.decision import Decision, decide
from edge_runtime.routing.policy import EffectivePolicy, OwnerPolicy, effective
from edge_runtime.routing.redaction import Redacted, redact, restore
from edge_runtime.tasks.encoder import Encoder


class Assistant:
    """Answers requests with one bundle under the owner's policy; knows nothing of MQTT.

    ``new_id`` makes the correlation of an escalation: 128 random bits as hex.

    Raises:
        BundleError: the bundle cannot be loaded.
    """

    def __init__(
        self,
        bundle: Bundle,
        policy: OwnerPolicy | None = None,
        *,
        threads: int = 1,
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self.bundle = bundle
        self.policy = policy or OwnerPolicy()
        encoder = Encoder(bundle, threads=threads) if bundle.manifest.heads else None
        self._local_tasks = open_local(bundle, encoder, threads)
        self._encoder = encoder
        self._new_id = new_id
        # `ask` needs to know what is meant; a bundle without such a head serves single tasks only
        ask = ("ask",) if "intent" in bundle.manifest.heads else ()
        self.tasks: tuple[str, ...] = (*ask, *self._local_tasks)

    def begin(self, request: Request) -> Answer | Pending:
        """Answer on the device, or prepare what a worker has to be asked.

        Raises:
            BadRequestError: the task is unknown, or the text is empty or not valid Unicode.
            TooLargeError: the text is too long.
            UnsupportedTaskError: the bundle has no head for this task.
        """
        if request.task not in self.tasks:
            name = self.bundle.manifest.name
            raise BadRequestError(
                f"unknown task {request.task!r}; with the bundle {name!r} this node knows "
                f"{', '.join(self.tasks)}"
            )
        check_text(request.text)
        started = time.perf_counter()
        if request.task != "ask" or self._encoder is None:
            return _timed(self._local_tasks[request.task](request), started)
        policy = effective(self.policy, request.policy)
        reading = read(self._encoder, request.text)
        decision = decide(
            reading.intent.label, reading.confidence, reading.head, reading.calibration, policy
        )
        answer = _timed(self._local(request, reading, decision), started)
        if not decision.escalate:
            return answer
        return self._pending(request, reading, policy, answer)

    def finish(self, pending: Pending, reply: Reply) -> Answer:
        """Return the final answer: the worker's text with the placeholders filled in again."""
        if reply.error is not None:
            return msgspec.structs.replace(
                pending.guess, status="error", error=reply.error, result=None, confidence=0.0
            )
        guess = pending.guess
        text = reply.text if reply.verbatim else restore(reply.text, pending.placeholders)
        return msgspec.structs.replace(
            guess,
            status="ok",
            source="cloud",
            result={**(guess.result or {}), "text": text},
            model=reply.model or "unknown",
            cost_usd=reply.cost_usd,
            ms=msgspec.structs.replace(guess.ms, cloud=reply.cloud_ms),
        )

    def info(self) -> dict[str, Any]:
        """Return what the node says about itself on ``info``."""
        manifest = self.bundle.manifest
        return {
            "version": edge_runtime.__version__,
            "tasks": list(self.tasks),
            "bundles": [{"name": manifest.name, "version": manifest.version,
                         "model": self.bundle.model_name, "languages": manifest.languages}],
            "calibration": {
                name: {"alpha": c.alpha, "delta": c.delta, "n": c.n, "threshold": c.threshold,
                       "coverage": c.coverage}
                for name, c in manifest.calibration.items()
            },
        }  # fmt: skip

    def _local(self, request: Request, reading: Reading, decision: Decision) -> Answer:
        return Answer(
            id=request.id,
            task=request.task,
            result=reading.result(),
            confidence=round(reading.confidence, 4),
            guarantee=decision.guarantee,
            reason=decision.reasons,
            model=self.bundle.model_name,
        )

    def _pending(
        self, request: Request, reading: Reading, policy: EffectivePolicy, guess: Answer
    ) -> Pending:
        redacted = Redacted(request.text, {}, reading.entities)
        if policy.privacy == "redact":
            redacted = redact(request.text, reading.entities)
        return Pending(
            escalation=Escalation(
                id=self._new_id(),
                text=redacted.text,
                task=request.task,
                lang=request.lang,
                context=reading.context(redacted.entities),
                max_cost_usd=policy.max_cost_usd,
                deadline_ms=policy.deadline_ms,
            ),
            guess=msgspec.structs.replace(guess, redacted=redacted.counts()),
            placeholders=redacted.placeholders,
            when_offline=policy.when_offline,
            deadline_ms=policy.deadline_ms,
        )


def _timed(answer: Answer, started: float) -> Answer:
    infer = round((time.perf_counter() - started) * 1e3, 3)
    return msgspec.structs.replace(answer, ms=Timing(infer=infer))
