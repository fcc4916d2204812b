"""One query to its end, where somebody waits for it: answered here, or by whoever can be asked."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from edge_runtime.assistant.pending import Pending
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.errors import ExpiredError, UnavailableError
from edge_runtime.messages import Answer, Escalation, Reply, Request

Escalate = Callable[[Escalation, float], Reply]
"""Asks a large model: takes the escalation and the longest wait in seconds.

Raises UnavailableError when nobody can be asked, ExpiredError when the wait is over."""


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
    try:
        return assistant.finish(begun, escalate(begun.escalation, begun.deadline_ms / 1e3))
    except UnavailableError as exc:
        return _alone(begun, str(exc))
    except ExpiredError:
        return begun.expired()


def _alone(pending: Pending, why: str) -> Answer:
    """Answer as the policy says; nothing is queued, since this process has no outbox."""
    answer = pending.offline(why)
    if answer.status != "queued":
        return answer
    reason = [
        *pending.guess.reason,
        why,
        "best guess; not queued: only edge-run serve has an outbox",
    ]
    return msgspec.structs.replace(answer, status="ok", reason=reason)
