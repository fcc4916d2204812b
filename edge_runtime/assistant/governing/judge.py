"""The decision about what one encoder reads, under the policy in force, and the account of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_runtime.assistant.commands.intents import is_home_intent
from edge_runtime.assistant.governing.governor import Governor
from edge_runtime.assistant.governing.question import Nearness, question_of
from edge_runtime.assistant.pending import Pending
from edge_runtime.assistant.reading import Reading
from edge_runtime.messages import Answer, Request
from edge_runtime.routing.decision import Decision, Question, decide
from edge_runtime.routing.leaving import blocked
from edge_runtime.routing.referring import may_follow, means_nothing_alone
from edge_runtime.routing.rules import descriptions
from edge_runtime.tasks.encoder import Encoder


class Judge:
    """Decides, tells the query log, and remembers what was denied until somebody asks."""

    def __init__(self, encoder: Encoder) -> None:
        self._manifest = encoder.bundle.manifest
        self._nearness = Nearness(encoder)
        self._denied: list[dict[str, Any]] = []

    def decide(
        self,
        governor: Governor,
        request: Request,
        reading: Reading,
        was_asked: Callable[[Request], bool],
        *,
        in_full: bool = False,
    ) -> tuple[Question, Decision]:
        """Return what was asked and the decision; gates and budgets are asked if it takes them.

        ``was_asked`` is whether the session's last turn went to the large model. ``in_full`` asks
        in any case, and tells what is done with what is private.
        """
        owner = governor.policy
        near = self._nearness(request.text, descriptions(owner.rules))
        question = question_of(
            request, reading, self._manifest, near, follows=_follows(request, reading, was_asked)
        )
        decision = decide(question, owner, request.policy)
        if decision.escalate or in_full:
            decision = governor.held(decision, owner, request.client)
            if in_full or decision.policy.blocks:
                decision = blocked(decision, _private_kinds(request.text, reading))
        return question, decision

    def note(
        self,
        governor: Governor,
        request: Request,
        question: Question,
        decision: Decision,
        outcome: Answer | Pending,
    ) -> None:
        """Take note of what came of a request."""
        if decision.outcome == "deny":
            # which rule it was is derived from the text
            is_private = decision.policy.privacy == "local"
            by = {} if is_private else {"by": decision.policy.denied_by}
            self._denied.append({"client": request.client, **by})
        if governor.log is None:
            return
        if isinstance(outcome, Pending):
            answer, escalation = outcome.guess, outcome.escalation.id
        else:
            answer, escalation = outcome, ""
        governor.log.asked(
            request, question, decision, escalation=escalation, infer_ms=answer.ms.infer
        )

    def denied(self) -> list[dict[str, Any]]:
        """Return who was denied since the last call, without anybody's text."""
        denied, self._denied = self._denied, []
        return denied


def _follows(request: Request, reading: Reading, was_asked: Callable[[Request], bool]) -> bool:
    """Whether a text cannot be understood without the turn before it; a home's state can."""
    if means_nothing_alone(request.text):
        return True
    if request.session is None or not may_follow(request.text):
        return False
    return not is_home_intent(reading.home_intent or reading.intent.label) and was_asked(request)


def _private_kinds(text: str, reading: Reading) -> set[str]:
    # its patterns take milliseconds, which most texts need not wait for
    from edge_runtime.assistant.escalating import private_parts  # noqa: PLC0415

    return {each.kind for each in private_parts(text, reading)}
