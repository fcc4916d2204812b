"""One query to its end, where somebody waits for it: answered here, or by whoever can be asked."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from edge_runtime.assistant.pending import Pending
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.errors import EdgeError, ExpiredError, NotSentError, UnavailableError
from edge_runtime.messages import Answer, Escalation, Reply, Request
from edge_runtime.routing.refusal import Refusal

Escalate = Callable[[Escalation, float], Reply]
"""Asks a large model: takes the escalation and the longest wait in seconds.

Raises UnavailableError when nobody can be asked, NotSentError if nothing left then, and
ExpiredError when the wait is over."""


class NobodyToAskError(NotSentError):
    """No setting says whom to ask, so there is no link that could fail."""


def ask(assistant: Assistant, request: Request, escalate: Escalate) -> Answer:
    """Return the final answer; where nobody can be asked, as the policy says.

    Raises:
        BadRequestError: the task is unknown, or the text is empty or not valid Unicode.
        TooLargeError: the text is too long.
        UnsupportedTaskError: the bundle has no head for this task.
    """
    begun = assistant.begin(request)
    if isinstance(begun, Answer):
        return begun
    admitted = assistant.governor.admit(begun)
    if isinstance(admitted, Refusal) and admitted.by == "policy":
        return begun.kept(admitted.said)
    if isinstance(admitted, Refusal):
        return _alone(begun, admitted.error())
    try:
        reply = _escalated(assistant, begun, admitted, escalate)
    except UnavailableError as exc:
        return _alone(begun, exc)
    except ExpiredError:
        return begun.expired()
    return assistant.finish(begun, reply)


def _escalated(
    assistant: Assistant, pending: Pending, escalation: Escalation, escalate: Escalate
) -> Reply:
    """Ask, and tell the governor what came of it."""
    governor = assistant.governor
    started = time.monotonic()
    try:
        reply = escalate(escalation, pending.deadline_ms / 1e3)
    except (ExpiredError, UnavailableError) as exc:
        if isinstance(exc, NotSentError):
            governor.unsent(pending.client)
        if not isinstance(exc, NobodyToAskError):
            governor.failed()
        raise
    governor.replied(pending.client, reply, time.monotonic() - started)
    return reply


def _alone(pending: Pending, why: EdgeError) -> Answer:
    """Answer as the policy says; nothing is queued, since this process has no outbox."""
    answer = pending.offline(why)
    if answer.status != "queued":
        return answer
    reason = [
        *pending.guess.reason,
        str(why),
        "best guess; not queued: only edge-run serve has an outbox",
    ]
    return msgspec.structs.replace(answer, status="ok", reason=reason)
