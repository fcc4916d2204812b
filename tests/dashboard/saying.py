"""Messages as nodes, apps and workers send them."""

from __future__ import annotations

from typing import Any

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.messages import Answer, Guarantee, Timing

INFO = {
    "v": 1,
    "version": "0.1.0",
    "tasks": ["ask"],
    "bundles": [{"name": "assistant", "version": "1.2"}],
    "calibration": {
        "intent": {"alpha": 0.05, "delta": 0.05, "n": 1200, "threshold": 0.81, "coverage": 0.87}
    },
}


def said(topic: str, content: object = b"", **fields: Any) -> Message:
    """Return a message; what is not bytes goes as JSON."""
    payload = content if isinstance(content, bytes) else msgspec.json.encode(content)
    return Message(topic=topic, payload=payload, **fields)


def health(requests: int = 0, *, dropped: int = 0, **more: Any) -> dict[str, Any]:
    """Return a report of health."""
    return {
        "v": 1,
        "time": 0.0,
        "uptime_s": 60.0,
        "queue": {"requests": requests, "escalations": 2, "bytes": 700, "oldest_s": 3.0},
        "dropped": {"ttl": dropped},
        "counts": {"answered": 10, "escalated": 2, "failed": 0, "expired": 0},
        "coverage": 0.9,
        "latency": {"ask": {"count": 10, "p50_ms": 4.0, "p95_ms": 9.0}},
        "board": {"temperature_c": 51.0, "rss_mb": 200.0, "link": "up"},
        "pace": {"level": "full", "reason": ""},
        "budget": {"requests_left": 7, "tokens_left": None, "usd_left": None},
        "workers": 1,
        "paused": False,
        **more,
    }


def answer(request_id: str, **more: Any) -> Answer:
    """Return an answer that the device is sure of."""
    fields: dict[str, Any] = {
        "task": "ask",
        "result": {"text": "the hall light is on"},
        "confidence": 0.93,
        "guarantee": Guarantee(0.05, 0.05, 1200),
        "reason": ["confidence 0.93 >= 0.81"],
        "model": "assistant@sha256:ab12",
        "redacted": ["PERSON:2", "PHONE:1"],
        "ms": Timing(queue=1.0, infer=4.0),
    }
    return Answer(id=request_id, **{**fields, **more})
