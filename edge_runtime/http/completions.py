"""Completions: prompts to their continuations, summaries or translations."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import msgspec

from edge_runtime.assistant.pieces import written_pieces
from edge_runtime.http.line import Job, Writing
from edge_runtime.http.offer import Offered
from edge_runtime.http.requests import CompletionRequest, options_of, texts_of
from edge_runtime.http.usage import usage
from edge_runtime.messages import Request
from edge_runtime.tasks.text_output import Generation, Limits, Piece

WRITTEN = ("generate", "summarize", "translate")
"""What a bundle that writes does with a prompt; each knows one of them."""


class Completion:
    """One request and the objects of its answer.

    Raises:
        BadRequestError: a parameter is wrong.
    """

    def __init__(self, request: CompletionRequest, offered: Offered) -> None:
        self._request = request
        self._offered = offered
        self._prompts = texts_of(request.prompt, "prompt")
        self._options = msgspec.to_builtins(options_of(request))
        self._head = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": offered.name,
            "system_fingerprint": offered.assistant.bundle.digest,
        }

    def job(self) -> Job:
        """Return what writes the texts one after the other."""
        assistant = self._offered.assistant
        task = next(task for task in WRITTEN if task in assistant.tasks)

        def write(limits: Limits) -> Iterator[Piece]:
            for prompt in self._prompts:
                request = Request(text=prompt, task=task, options=self._options)
                yield from written_pieces(assistant, request, limits)

        return write

    def whole(self, generations: Sequence[Generation]) -> dict[str, Any]:
        """Return all texts as one object."""
        choices = [
            _choice(index, made.text, _finish_reason(made))
            for index, made in enumerate(generations)
        ]
        return {**self._head, "choices": choices, "usage": usage(generations)}

    async def chunks(self, first: Piece | None, writing: Writing) -> AsyncIterator[dict[str, Any]]:
        """Yield the texts in chunks as they are written; ``first`` is what has come already."""
        none = {"usage": None} if self._request.counts_usage else {}
        made: list[Generation] = []
        piece = first
        while piece is not None:
            reason = None if piece.generation is None else _finish_reason(piece.generation)
            choice = _choice(len(made), piece.text, reason)
            yield {**self._head, "choices": [choice], **none}
            if piece.generation is not None:
                made.append(piece.generation)
            piece = await writing.next()
        if self._request.counts_usage:
            yield {**self._head, "choices": [], "usage": usage(made)}


def _choice(index: int, text: str, reason: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": reason}


def _finish_reason(generation: Generation) -> str:
    return "stop" if generation.finish_reason == "stop" else "length"
