"""The answer of a task that never leaves the device."""

from __future__ import annotations

import msgspec

from edge_runtime.bundles.store import Bundle
from edge_runtime.messages import Answer, Request


def local_answer(
    bundle: Bundle, request: Request, result: object, sure: float, *reasons: str
) -> Answer:
    """Return the answer with a result, how sure it is, and why."""
    return Answer(
        id=request.id,
        task=request.task,
        result=msgspec.to_builtins(result),
        confidence=round(sure, 4),
        reason=list(reasons),
        model=bundle.model_name,
    )


def with_text(answer: Answer, written: Answer, *, counts: bool) -> Answer:
    """Return a local answer with a text that was written for it; whose it is where that counts."""
    result = {**(answer.result or {}), "text": (written.result or {}).get("text", "")}
    model = written.model if counts else answer.model
    return msgspec.structs.replace(answer, result=result, model=model)
