"""The way of one query: preprocess, decide, answer or escalate, finalize."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

import edge_runtime
from edge_runtime.assistant.commands.names import Home
from edge_runtime.assistant.drift_watch import DriftWatch
from edge_runtime.assistant.explanation import Explanation
from edge_runtime.assistant.governing.governor import Governor
from edge_runtime.assistant.governing.judge import Judge
from edge_runtime.assistant.local import open_local
from edge_runtime.assistant.local_answer import with_text
from edge_runtime.assistant.memory.file import Memory
from edge_runtime.assistant.pending import Pending
from edge_runtime.assistant.reading import Reading, read
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BadRequestError, EdgeError, PolicyDeniedError, UnsupportedTaskError
from edge_runtime.inference.resources import Resources
from edge_runtime.messages import Answer, Reply, Request, Timing, check_text
from edge_runtime.routing.decision import Decision, Step, is_worth_writing, written
from edge_runtime.routing.policy import OwnerPolicy, effective
from edge_runtime.tasks.expecting import ExpectingEncoder
from edge_runtime.tasks.text_output import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from edge_runtime.assistant.escalating import Escalating
    from edge_runtime.assistant.memory.recall import Recall
    from edge_runtime.assistant.writing import Writer
    from edge_runtime.assistant.writing_first import WritingFirst


_READ_TASKS = {"ask", "classify", "tag", "embed"}  # for which a text is read once, as a whole


class Assistant:
    """Answers requests with one bundle under the owner's policy; knows nothing of MQTT.

    ``policy`` is the owner's, or the governor that knows the one in force and what was spent.
    ``home`` holds the owner's names for devices and areas, which home commands are matched to.
    ``memory`` is where sessions and kept answers are, ``drift_file`` where the drift alarm goes on
    from after a restart; without them both end with the process.
    ``writes`` is a bundle that makes text, which easy free questions are tried on first.
    ``new_id`` makes the correlation of an escalation: 128 random bits as hex.

    Raises:
        BundleError: the bundle cannot be loaded.
    """

    def __init__(  # noqa: PLR0913 - all but two are keywords
        self,
        bundle: Bundle,
        policy: OwnerPolicy | Governor | None = None,
        *,
        resources: Resources | None = None,
        home: Home | None = None,
        memory: Memory | None = None,
        drift_file: Path | None = None,
        writes: Bundle | None = None,
        new_id: Callable[[], str] = lambda: os.urandom(16).hex(),
    ) -> None:
        self.bundle = bundle
        self._home = home
        self.governor = (
            policy if isinstance(policy, Governor) else Governor(policy or OwnerPolicy())
        )
        self._encoder = ExpectingEncoder(bundle, resources) if bundle.manifest.heads else None
        self._judge = None if self._encoder is None else Judge(self._encoder)
        self.writer = None if bundle.manifest.heads else _writer(bundle, resources)
        self._local_tasks = {} if self._encoder is None else open_local(self._encoder)
        self._writes = None if writes is None else _writing_first(writes, resources)
        self.memory = memory or Memory()
        self._recall: Recall | None = None
        self._new_id = new_id
        self._drift = DriftWatch(bundle.manifest.calibration.get("intent"), drift_file)
        # `ask` needs to know what is meant; a bundle without such a head serves single tasks only
        ask = ("ask",) if "intent" in bundle.manifest.heads else ()
        written = () if self.writer is None else self.writer.tasks
        self.tasks: tuple[str, ...] = (*ask, *self._local_tasks, *written)

    def expect(self, requests: Sequence[Request]) -> None:
        """Take note that these come next: their texts may be read together, in micro-batches.

        What is wrong with one of them is said when it is begun.
        """
        plain = [each for each in requests if each.task in _READ_TASKS and not each.options]
        if self._encoder is None or len(plain) < 2:  # noqa: PLR2004 - nothing to put together
            return
        with contextlib.suppress(EdgeError):
            self._encoder.expect([check_text(each.text) for each in plain])

    def begin(self, request: Request) -> Answer | Pending:
        """Answer on the device, or prepare what a worker has to be asked.

        Raises:
            BadRequestError: the task is unknown, or the text is empty or not valid Unicode.
            TooLargeError: the text is too long.
            UnsupportedTaskError: the bundle has no head for this task.
        """
        for found in self.stream(request):
            if not isinstance(found, str):
                return found
        raise AssertionError("a stream ends with its answer")

    def stream(
        self, request: Request, limits: Limits | None = None
    ) -> Iterator[str | Answer | Pending]:
        """Yield what ``begin`` returns, and before it the text as it is written.

        ``limits`` end the writing early; the request's deadline does so without them.

        Raises:
            BadRequestError: the task is unknown, or the text is empty or not valid Unicode.
            TooLargeError: the text is too long.
        """
        if request.task not in self.tasks:
            name = self.bundle.manifest.name
            raise BadRequestError(
                f"unknown task {request.task!r}; with the bundle {name!r} this node knows "
                f"{', '.join(self.tasks)}"
            )
        check_text(request.text)
        if self.writer is None:
            yield self._read(request)
            return
        started = time.perf_counter()
        if limits is None:
            deadline_ms = effective(self.governor.policy, request.policy).deadline_ms
            limits = Limits(deadline=time.monotonic() + deadline_ms / 1e3)
        for piece in self.writer.stream(request, limits):
            yield piece if isinstance(piece, str) else _timed(piece, started)

    def _read(self, request: Request) -> Answer | Pending:
        started = time.perf_counter()
        if request.task != "ask":
            return _timed(self._local_tasks[request.task](request), started)
        assert self._encoder is not None, "only a bundle with heads knows ask"  # noqa: S101
        assert self._judge is not None  # noqa: S101 - as above
        reading = read(self._encoder, request.text)
        self._drift.see(reading.scope)
        question, decision = self._judge.decide(self.governor, request, reading, self._was_asked)
        local = self._local(request, reading, decision)
        if self._writes is not None and is_worth_writing(question, decision):
            made = self._writes.answer(request, decision.policy.deadline_ms)
            if made is not None:
                decision = written(decision, made.confidence, made.guarantee, made.reason[-1])
                local = self._local(request, reading, decision)
                local = with_text(local, made, counts=decision.sure)
        answer = _timed(local, started)
        outcome: Answer | Pending = answer
        if decision.escalate:
            outcome = self._escalating().prepare(
                request, reading, question, decision, answer, self.governor.policy.sessions
            )
            outcome = self._remembering().answered_before(
                request, reading, outcome, decision.policy, self.governor.policy
            )
        self._judge.note(self.governor, request, question, decision, outcome)
        if decision.outcome == "deny":
            raise PolicyDeniedError(f"the owner's policy: {decision.reasons[-1]}")
        if decision.refusal is not None and isinstance(outcome, Pending):
            # one that is queued waits until it may be asked; the others are answered now
            told = outcome.offline(decision.refusal.error())
            outcome = outcome if told.status == "queued" else told
        if request.session is not None:
            self._remembering().begun(
                request, reading, outcome, decision.policy, self.governor.policy.sessions
            )
        return outcome

    def explain(self, request: Request) -> Explanation:
        """Return every step of the decision about a text, and what would leave; asks nobody.

        Raises:
            BadRequestError: the text is empty or not valid Unicode.
            TooLargeError: the text is too long.
            UnsupportedTaskError: the bundle has no intents, so it decides nothing.
        """
        if self._encoder is None or self._judge is None or "ask" not in self.tasks:
            name = self.bundle.manifest.name
            raise UnsupportedTaskError(f"bundle {name!r} has no intents, so it decides nothing")
        check_text(request.text)
        reading = read(self._encoder, request.text)
        question, decision = self._judge.decide(
            self.governor, request, reading, self._was_asked, in_full=True
        )
        leaves = None
        if decision.escalate:
            guess = self._local(request, reading, decision)
            sessions = self.governor.policy.sessions
            prepared = self._escalating().prepare(
                request, reading, question, decision, guess, sessions
            )
            leaves = prepared.escalation
        steps = decision.steps
        if self._writes is not None and is_worth_writing(question, decision):
            steps = [*steps, Step("written", self._writes.said)]
        return Explanation(decision.outcome, steps, decision.reasons, leaves)

    def finish(self, pending: Pending, reply: Reply) -> Answer:
        """Return the final answer: the worker's text, checked, with its placeholders filled in."""
        if reply.error is not None:
            return msgspec.structs.replace(
                pending.guess, status="error", error=reply.error, result=None, confidence=0.0
            )
        return self._remembering().finished(pending, reply, self.governor.policy)

    def _remembering(self) -> Recall:
        if self._recall is None:
            # takes milliseconds, which a text that stays here need not wait for
            from edge_runtime.assistant.memory.recall import Recall  # noqa: PLC0415

            assert self._encoder is not None, "only a bundle with heads knows ask"  # noqa: S101
            self._recall = Recall(self.memory, self._encoder)
        return self._recall

    def _escalating(self) -> Escalating:
        # as above, and so do the patterns of what is private
        from edge_runtime.assistant.escalating import Escalating  # noqa: PLC0415

        return Escalating(self._remembering(), self._new_id)

    def _was_asked(self, request: Request) -> bool:
        return self._remembering().was_asked(request)

    def facts(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what happened since the last call: kind and content, without anybody's text."""
        denied = [] if self._judge is None else self._judge.denied()
        return [
            *(("drift", dataclasses.asdict(each)) for each in self._drift.told()),
            *(("policy-denied", each) for each in denied),
        ]

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
        result = reading.result()
        command = reading.instruction(
            request.text, _listening(request, self._home), self._home, sure=decision.sure
        )
        if command is not None:
            result["command"] = msgspec.to_builtins(command)
        return Answer(
            id=request.id,
            task=request.task,
            result=result,
            confidence=round(decision.confidence, 4),
            guarantee=decision.guarantee,
            reason=decision.reasons,
            model=self.bundle.model_name,
        )


def _listening(request: Request, home: Home | None) -> dict[str, str]:
    """Return the area where the request was heard, if it or the owner tells."""
    area = request.options.get("area", None if home is None else home.area)
    return {"area": area} if isinstance(area, str) and area else {}


def _writer(bundle: Bundle, resources: Resources | None) -> Writer:
    from edge_runtime.assistant.writing import Writer  # noqa: PLC0415 - takes 10 ms

    return Writer(bundle, resources)


def _writing_first(bundle: Bundle, resources: Resources | None) -> WritingFirst:
    from edge_runtime.assistant.writing_first import WritingFirst  # noqa: PLC0415 - as above

    return WritingFirst(bundle, resources)


def _timed(answer: Answer, started: float) -> Answer:
    infer = round((time.perf_counter() - started) * 1e3, 3)
    return msgspec.structs.replace(answer, ms=Timing(infer=infer))
