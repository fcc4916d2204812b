"""The trace that a message belongs to (W3C Trace Context); pure."""

from __future__ import annotations

import re

from edge_runtime.bridge.protocol.message import Message

TRACE = "traceparent"  # a user property, or a field in JSON: MQTT 3.1.1 has no properties

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


def trace_in(message: Message, said: str | None) -> str | None:
    """Return what names the trace: the user property, else what the JSON of the message said.

    One that is not valid is none, as the standard wants.
    """
    found = dict(message.properties).get(TRACE, said) if message.properties else said
    return found if found is not None and _TRACEPARENT.fullmatch(found) else None
