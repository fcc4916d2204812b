"""Chat completions: OpenAI's messages to our chat, and what it writes to OpenAI's objects."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec

from edge_runtime.http.errors import ParameterError
from edge_runtime.http.line import Job, Writing
from edge_runtime.http.offer import Offered
from edge_runtime.http.requests import ChatRequest, ResponseFormat, options_of
from edge_runtime.http.tool_text import ToolText
from edge_runtime.http.tools import forced_call, visible_tools, wire_calls
from edge_runtime.http.usage import usage
from edge_runtime.tasks.text_output import Generation, Limits, Piece

TASK = "chat"


class ChatCompletion:
    """One request and the objects of its answer.

    Raises:
        BadRequestError: a parameter is wrong.
    """

    def __init__(self, request: ChatRequest, offered: Offered) -> None:
        self._request = request
        self._offered = offered
        self._tools = visible_tools(request)
        self._options = options_of(request, **_constraint(request, self._tools))
        # the system under its older name, which templates know
        self._messages = [
            msgspec.structs.replace(each, role="system") if each.role == "developer" else each
            for each in request.messages
        ]
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())

    def job(self) -> Job:
        """Return what writes the answer."""
        chat = self._offered.chat

        def write(limits: Limits) -> Iterator[Piece]:
            return chat.stream(
                self._messages,
                self._options,
                limits,
                tools=self._tools or None,
                variables=self._request.chat_template_kwargs,
            )

        return write

    def whole(self, generation: Generation) -> dict[str, Any]:
        """Return the answer as one object."""
        calls = self._calls(generation)
        message: dict[str, Any] = {
            "role": "assistant",
            "content": generation.text or (None if calls else ""),
            "refusal": None,
        }
        if calls:
            message["tool_calls"] = calls
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": _finish_reason(generation, calls),
        }
        return {**self._head("chat.completion"), "choices": [choice], "usage": usage([generation])}

    async def chunks(self, first: Piece | None, writing: Writing) -> AsyncIterator[dict[str, Any]]:
        """Yield the answer in chunks as it is written; ``first`` is what has come already."""
        yield self._chunk({"role": "assistant", "content": ""})
        held = ToolText() if self._tools else None
        piece = first
        while piece is not None:
            text = piece.text if held is None else held.push(piece.text)
            made = piece.generation
            if made is not None and held is not None:
                text += held.rest(made.text)
            if text:
                yield self._chunk({"content": text})
            if made is not None:
                calls = self._calls(made)
                for index, call in enumerate(calls):
                    yield self._chunk({"tool_calls": [{"index": index, **call}]})
                yield self._chunk({}, _finish_reason(made, calls))
                if self._request.counts_usage:
                    head = self._head("chat.completion.chunk")
                    yield {**head, "choices": [], "usage": usage([made])}
            piece = await writing.next()

    def _calls(self, generation: Generation) -> list[dict[str, Any]]:
        calls = generation.tool_calls
        return wire_calls(calls[:1] if self._request.parallel_tool_calls is False else calls)

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        none = {"usage": None} if self._request.counts_usage else {}
        return {**self._head("chat.completion.chunk"), "choices": [choice], **none}

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._offered.name,
            "system_fingerprint": self._offered.assistant.bundle.digest,
        }


def _constraint(request: ChatRequest, tools: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema that the answer has to follow, if any."""
    schema = _format_schema(request.response_format)
    call = forced_call(request)
    if schema is not None and tools:
        raise ParameterError(
            "a response_format would keep the model from calling its tools; leave one of them "
            "out, or set tool_choice to none",
            "response_format",
            "unsupported_value",
        )
    schema = schema if call is None else call
    return {} if schema is None else {"schema": schema}


def _format_schema(asked: ResponseFormat | None) -> dict[str, Any] | None:
    if asked is None or asked.type == "text":
        return None
    if asked.type == "json_object":
        return {"type": "object"}
    if asked.json_schema is None:
        raise ParameterError("response_format: json_schema is missing", "response_format")
    return asked.json_schema.schema


def _finish_reason(generation: Generation, calls: list[dict[str, Any]]) -> str:
    if generation.finish_reason == "stop":
        return "tool_calls" if calls else "stop"
    return "length"
