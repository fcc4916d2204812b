"""Embeddings: texts to unit vectors."""

from __future__ import annotations

import base64
import functools
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_runtime.http.errors import ParameterError
from edge_runtime.http.offer import Offered
from edge_runtime.http.requests import EmbeddingRequest, texts_of
from edge_runtime.inference.tokenizer import Tokenizer
from edge_runtime.messages import Answer, Request

TASK = "embed"


_TOGETHER = 16  # texts that may be read together


class Embeddings:
    """One request and the object of its answer.

    Raises:
        ParameterError: the input is not text.
    """

    def __init__(self, request: EmbeddingRequest, offered: Offered) -> None:
        self._request = request
        self._offered = offered
        self._texts = texts_of(request.input, "input")
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Stop after the text at hand."""
        self._cancelled.set()

    def whole(self) -> dict[str, Any]:
        """Return the answer; for a thread of the line.

        Raises:
            BadRequestError: a text is empty.
            TooLargeError: a text is too long.
            ParameterError: another number of dimensions is asked for.
        """
        vectors: list[Sequence[float]] = []
        for start in range(0, len(self._texts), _TOGETHER):
            texts = self._texts[start : start + _TOGETHER]
            if self._cancelled.is_set():
                break  # nobody reads the answer
            requests = [Request(text=text, task=TASK) for text in texts]
            self._offered.assistant.expect(requests)
            vectors += map(self._vector, requests)
        tokenizer = _tokenizer(self._offered.assistant.bundle.path)
        tokens = sum(len(tokenizer.ids(text)) for text in self._texts)
        data = [
            {"object": "embedding", "index": index, "embedding": self._encoded(vector)}
            for index, vector in enumerate(vectors)
        ]
        return {
            "object": "list",
            "data": data,
            "model": self._offered.name,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }

    def _vector(self, request: Request) -> list[float]:
        answer = self._offered.assistant.begin(request)
        assert isinstance(answer, Answer), "embedding never escalates"  # noqa: S101
        vector: list[float] = (answer.result or {})["vector"]
        wanted = self._request.dimensions
        if wanted not in {None, len(vector)}:
            raise ParameterError(
                f"model {self._offered.name!r} has vectors of {len(vector)} dimensions, which "
                "cannot be shortened; leave dimensions out",
                "dimensions",
                "unsupported_value",
            )
        return vector

    def _encoded(self, vector: Sequence[float]) -> Sequence[float] | str:
        if self._request.encoding_format != "base64":
            return vector
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


@functools.lru_cache(maxsize=4)
def _tokenizer(directory: Path) -> Tokenizer:
    """Return what counts tokens; it is loaded when vectors are first asked for."""
    return Tokenizer(directory / "tokenizer.json")
