"""What leaves for a query that escalates, and what stays here of it until its answer comes."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from edge_runtime.assistant.memory.recall import Recall
from edge_runtime.assistant.pending import Pending
from edge_runtime.assistant.reading import Reading
from edge_runtime.messages import Answer, Escalation, Request
from edge_runtime.routing.decision import Decision, Question
from edge_runtime.routing.keeping import SessionPolicy
from edge_runtime.routing.policy import EffectivePolicy
from edge_runtime.routing.redaction.findings import Finding
from edge_runtime.routing.redaction.forms import kind_and_number
from edge_runtime.routing.redaction.kinds import IDENTIFYING, KINDS, SHARED
from edge_runtime.routing.redaction.naming import Placeholders
from edge_runtime.routing.redaction.patterns import find_private
from edge_runtime.routing.redaction.redacting import Redacted, redact


class Escalating:
    """Prepares escalations; ``new_id`` makes their correlations."""

    def __init__(self, recall: Recall, new_id: Callable[[], str]) -> None:
        self._recall = recall
        self._new_id = new_id

    def prepare(
        self,
        request: Request,
        reading: Reading,
        question: Question,
        decision: Decision,
        guess: Answer,
        sessions: SessionPolicy,
    ) -> Pending:
        """Return what has to be asked, as the policy of the decision lets it leave.

        Raises:
            BadRequestError: the session's name or the schema that the request asks for is wrong.
        """
        policy = decision.policy
        session = self._recall.session(request, policy.privacy)
        found = private_parts(request.text, reading)
        redacted = _redacted(request.text, found, policy, session.placeholders)
        return Pending(
            escalation=Escalation(
                id=self._new_id(),
                text=redacted.text,
                task=request.task,
                lang=request.lang,
                context=self._recall.extended(
                    msgspec.structs.replace(
                        reading.context(redacted.moved(reading.entities), guess.confidence),
                        difficulty=question.difficulty,
                    ),
                    request,
                    session,
                    policy,
                    sessions,
                ),
                max_cost_usd=policy.max_cost_usd,
                deadline_ms=policy.deadline_ms,
                strong=policy.wants_strong(question.difficulty),
            ),
            guess=msgspec.structs.replace(guess, redacted=redacted.counts()),
            placeholders=redacted.placeholders,
            when_offline=policy.when_offline,
            deadline_ms=policy.deadline_ms,
            client=request.client,
            facts=question.facts,
            privacy=policy.privacy,
            private={kind: policy.on(kind) for kind in sorted({each.kind for each in found})},
            session=request.session,
        )


def private_parts(text: str, reading: Reading) -> list[Finding]:
    """Return what patterns and heads find of every kind, whatever is to be done with it."""
    return find_private(text, [*reading.personal, *reading.entities], KINDS)


def _redacted(
    text: str, found: list[Finding], policy: EffectivePolicy, known: Placeholders
) -> Redacted:
    """Redact what the policy does not keep; names of what it keeps now stand for themselves."""
    kept = policy.kept
    if kept == IDENTIFYING | SHARED:
        return Redacted(text)
    return redact(
        text,
        [each for each in found if each.kind not in kept],
        {
            name: name if kind_and_number(name)[0] in kept else value
            for name, value in known.items()
        },
    )
