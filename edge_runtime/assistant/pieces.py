"""A request for text as pieces with their measurements, whatever kind of bundle writes it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.messages import Answer, Request
from edge_runtime.tasks.text_output import Generation, Limits, Piece


def written_pieces(assistant: Assistant, request: Request, limits: Limits) -> Iterator[Piece]:
    """Yield what a bundle that writes makes of a request; the last piece has the generation.

    Raises:
        BadRequestError: the task is unknown, an option is wrong, or the text is empty or too long.
        TooLargeError: the text is too long.
    """
    for found in assistant.stream(request, limits):
        if isinstance(found, str):
            yield Piece(found)
        elif isinstance(found, Answer):
            yield Piece("", msgspec.convert(found.result, Generation))
