"""Queries that wait in the outbox of a real node, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.queue.options import EscalationOptions
from edge_runtime.messages import ErrorInfo, Escalation, Reply
from tests.bridge.harness import (
    FAST,
    App,
)

PRESENCE = Message(topic="edge/workers/w/status", payload=b'{"status":"online"}', retain=True)


def ask(app: App, text: str, priority: int | None = None) -> bytes:
    options = {} if priority is None else {"priority": priority}
    return app.send(json.dumps({"text": text, "options": options}), correlation=text.encode()[:100])


def queued(app: App, text: str, priority: int | None = None) -> bytes:
    """Ask, and wait until that is queued."""
    correlation = ask(app, text, priority)
    assert app.answers(correlation)[0].status == "queued"
    return correlation


def events(app: App, kind: str, number: int = 1) -> list[dict[str, Any]]:
    found = app.wait(lambda m: m.topic == f"{app.root}/evt/{kind}", number)
    return [json.loads(each.payload) for each in found]


def failing(kind: str) -> Callable[[Escalation], Reply]:
    return lambda e: Reply(id=e.id, error=ErrorInfo("503", kind, "no luck"))


broken = failing("llm_unavailable")


def limited(**limits: Any) -> EscalationOptions:
    return msgspec.structs.replace(FAST, retry_after_s=7.0, **limits)
