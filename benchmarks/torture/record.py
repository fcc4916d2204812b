"""What was sent and what came back, and whether that is as promised; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from benchmarks.torture.questions import Question
from edge_runtime.messages import Answer

_EARLY_S = 0.1  # that a clock may be off
_BEFORE_S = 6.0  # what may still have been broken
_AROUND_S = 30.0  # after a fault, what was under way comes again


@dataclass(frozen=True)
class Final:
    """A final answer as it came; ``at`` is on the clock of the run."""

    payload: bytes
    at: float


@dataclass(frozen=True)
class Broken:
    """What was broken, and when."""

    kind: str
    at: float


@dataclass
class Asked:
    """One question with everything that was heard of it.

    ``refusals`` are errors that say when to come again: the request was not accepted.
    """

    question: Question
    client: int
    sent: list[float] = field(default_factory=list)
    finals: list[Final] = field(default_factory=list)
    queued: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    parts: int = 0
    _before: int = 0

    def repeat(self) -> None:
        """Note that it is sent again although it is answered."""
        self._before = len(self.finals)

    @property
    def is_repeated(self) -> bool:
        """Whether an answer has come since then."""
        return len(self.finals) > self._before

    def story(self, faults: Sequence[Broken]) -> str:
        """Return what happened to it in order, in seconds since it was sent first."""
        began = self.sent[0] if self.sent else 0.0
        events = [(at, "sent") for at in self.sent]
        events += [(each.at, "final") for each in self.finals]
        last = max((at for at, _ in events), default=began)
        events += [(each.at, each.kind) for each in faults if began - _BEFORE_S <= each.at <= last]
        told = ", ".join(f"{what} {at - began:+.2f}" for at, what in sorted(events))
        return f"{self.question.text!r} ({told}; queued {self.queued}, {dict(self.refusals)})"

    @property
    def answer(self) -> Answer:
        """The first final answer.

        Raises:
            IndexError: there is none.
        """
        return msgspec.json.decode(self.finals[0].payload, type=Answer)

    def hear(self, payload: bytes, at: float) -> float | None:
        """Note an answer; return after how many seconds to send again, None where not to."""
        answer = msgspec.json.decode(payload, type=Answer)
        if answer.status == "queued":
            self.queued += 1
        elif answer.error is not None and answer.error.retry_after_s is not None:
            self.refusals[answer.error.type] += 1
            return answer.error.retry_after_s
        else:
            self.finals.append(Final(payload, at))
        return None


@dataclass
class Verdict:
    """What all questions together came to; ``violations`` are broken promises."""

    violations: list[str] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    silent: int = 0
    different: int = 0
    repeats: int = 0
    unexplained: int = 0


def judge(asked: Sequence[Asked], faults: Sequence[Broken]) -> Verdict:
    """Return the verdict, given what was broken meanwhile."""
    verdict = Verdict()
    for each in asked:
        verdict.refusals += each.refusals
        if each.finals:
            _judge_one(each, faults, verdict)
        else:
            verdict.silent += 1
            verdict.violations.append(f"silent: {each.story(faults)}")
    return verdict


def _judge_one(asked: Asked, faults: Sequence[Broken], verdict: Verdict) -> None:
    question, answer, first = asked.question, asked.answer, asked.finals[0]
    verdict.codes[answer.code] += 1
    if len({each.payload for each in asked.finals}) > 1:
        verdict.different += 1
        ways = " / ".join(sorted({each.payload.decode() for each in asked.finals}))
        verdict.violations.append(f"different finals: {asked.story(faults)}: {ways}")
    for place, final in enumerate(asked.finals[1:], start=1):
        verdict.repeats += 1
        sent = sum(at <= final.at for at in asked.sent)
        near = any(first.at - _AROUND_S <= each.at <= final.at for each in faults)
        if place >= sent and not near:
            verdict.unexplained += 1
            verdict.violations.append(f"answered again for no reason: {asked.story(faults)}")
    if answer.status == "ok":
        if (answer.result or {}).get("text") != question.answer:
            verdict.violations.append(f"wrong answer: {question.text!r}: {answer.result}")
    elif answer.code == "408":
        _judge_expiry(asked, faults, verdict)


def _judge_expiry(asked: Asked, faults: Sequence[Broken], verdict: Verdict) -> None:
    deadline_s, waited_s = asked.question.deadline_s, asked.finals[0].at - asked.sent[0]
    if deadline_s is None:
        verdict.violations.append(f"expired without a deadline: {asked.story(faults)}")
    elif waited_s < deadline_s - _EARLY_S:
        verdict.violations.append(
            f"expired after {waited_s:.2f} s of {deadline_s} s: {asked.story(faults)}"
        )
