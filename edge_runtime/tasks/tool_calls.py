"""Tool calls in a model's text, in the forms that well-known models write them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec

# What a call may stand behind: Hermes, Qwen, SmolLM; Mistral; Llama 3; a code fence; nothing.
_OPENING = re.compile(
    r"(?:<tool_call>|\[TOOL_CALLS\]|<\|python_tag\|>|```\w*)\s*(?=[{\[])|(?=\{)|(?=\[\s*\{)"
)
_BETWEEN = re.compile(r"\s*[;,]?\s*(?=[{\[])")
_CLOSING = re.compile(r"\s*(?:</tool_call>|```)|\s*;")
_ARGUMENTS = ("arguments", "parameters")


class ToolCall(msgspec.Struct, frozen=True):
    """A function that the model wants called."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Parsed:
    """``text`` is what is left without the calls; without any it is the whole, unchanged."""

    text: str
    calls: list[ToolCall]


def parse_tool_calls(text: str) -> Parsed:
    """Return the tool calls in a text, in order, and the text around them.

    Known are ``<tool_call>{…}</tool_call>`` (Hermes, Qwen, SmolLM), ``[TOOL_CALLS] [{…}]``
    (Mistral), ``<|python_tag|>{…}`` and the object alone (Llama 3), and code fences. A call is an
    object with ``name`` and ``arguments`` or ``parameters``, also inside ``function``. What is no
    call, or is broken, stays text.
    """
    calls: list[ToolCall] = []
    rest: list[str] = []
    done = position = 0
    while (opening := _OPENING.search(text, position)) is not None:
        found, end = _calls_at(text, opening.end())
        if found:
            rest.append(text[done : opening.start()])
            calls += found
            closing = _CLOSING.match(text, end) if opening.group() else None
            done = end = closing.end() if closing else end
        position = max(end, opening.start() + 1)
    if not calls:
        return Parsed(text, [])
    return Parsed("".join([*rest, text[done:]]).strip(), calls)


def _calls_at(text: str, start: int) -> tuple[list[ToolCall], int]:
    """Return the calls in the JSON values from a place on, and the end of the last one.

    Values that are no calls are passed over whole: what looks like a call in one is data.
    """
    calls: list[ToolCall] = []
    end = start
    while True:
        try:
            value, after = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            return calls, end
        entries = value if isinstance(value, list) else [value]
        found = [_call(entry) for entry in entries]
        more = [call for call in found if call is not None]
        if not more or len(more) < len(found):
            return calls, end if calls else after
        calls += more
        end = after
        between = _BETWEEN.match(text, after)
        if between is None:
            return calls, end
        start = between.end()


def _call(value: object) -> ToolCall | None:
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        value = value["function"]
    if not isinstance(value, dict):
        return None
    name = value.get("name")
    arguments = next((value[key] for key in _ARGUMENTS if key in value), None)
    if isinstance(arguments, str):
        try:
            arguments = _DECODER.decode(arguments)
        except (ValueError, RecursionError):
            return None
    if not isinstance(name, str) or not name or not isinstance(arguments, dict):
        return None
    call = ToolCall(name, arguments)
    return call if _is_json(call) else None


def _is_json(call: ToolCall) -> bool:
    """Whether it can be written again: a lone surrogate cannot."""
    try:
        msgspec.json.encode(call)
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
