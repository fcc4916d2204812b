"""Tools of a chat: which the model sees, what it must write, and its calls on the wire."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from edge_runtime.http.errors import ParameterError
from edge_runtime.http.requests import ChatRequest, NamedTool, Tool
from edge_runtime.tasks.tool_calls import ToolCall

_DEFINITIONS = ("$defs", "definitions")
_ANYTHING = {"type": "object"}


def visible_tools(request: ChatRequest) -> list[dict[str, Any]]:
    """Return the tools that the model is shown; none when it must not call any.

    Raises:
        ParameterError: ``tool_choice`` wants a tool that there is not.
    """
    tools = request.tools or []
    choice = request.tool_choice
    if not tools and choice not in {None, "none", "auto"}:
        raise ParameterError("tool_choice wants a call, and there are no tools", "tool_choice")
    if isinstance(choice, NamedTool) and choice.function.name not in {
        tool.function.name for tool in tools
    }:
        raise ParameterError(f"there is no tool {choice.function.name!r}", "tool_choice")
    return [] if choice == "none" else [msgspec.to_builtins(tool) for tool in tools]


def forced_call(request: ChatRequest) -> dict[str, Any] | None:
    """Return the JSON schema of the call that the model has to make, None when it is free.

    Raises:
        ParameterError: two tools define the same name differently for their references.
    """
    tools = request.tools or []
    if isinstance(request.tool_choice, NamedTool):
        name = request.tool_choice.function.name
        tools = [tool for tool in tools if tool.function.name == name]
    elif request.tool_choice != "required":
        return None
    return {"anyOf": [_call_schema(tool) for tool in tools], **_definitions(tools)}


def wire_calls(
    calls: Sequence[ToolCall], new_id: Callable[[], str] = lambda: secrets.token_hex(12)
) -> list[dict[str, Any]]:
    """Return calls as OpenAI has them, arguments as a JSON text."""
    return [
        {
            "id": f"call_{new_id()}",
            "type": "function",
            "function": {
                "name": call.name,
                "arguments": msgspec.json.encode(call.arguments).decode(),
            },
        }
        for call in calls
    ]


def _call_schema(tool: Tool) -> dict[str, Any]:
    given = tool.function.parameters or _ANYTHING
    parameters = {key: value for key, value in given.items() if key not in _DEFINITIONS}
    return {
        "type": "object",
        "properties": {"name": {"const": tool.function.name}, "arguments": parameters},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _definitions(tools: Sequence[Tool]) -> dict[str, Any]:
    """Return what the references of all parameters lead to, at the root where they look for it."""
    merged: dict[str, dict[str, Any]] = {}
    for tool in tools:
        for key in _DEFINITIONS:
            for name, schema in ((tool.function.parameters or {}).get(key) or {}).items():
                if merged.setdefault(key, {}).setdefault(name, schema) != schema:
                    raise ParameterError(f"two tools define {key}/{name} differently", "tools")
    return dict(merged)
