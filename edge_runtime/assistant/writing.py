"""The tasks of bundles that make text: generate, chat, summarize, translate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from edge_runtime.assistant.local_answer import local_answer
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BadRequestError, UnsupportedTaskError
from edge_runtime.inference.chat_template import Message
from edge_runtime.inference.resources import Resources
from edge_runtime.messages import Answer, Request
from edge_runtime.routing.confidence import WRITTEN, calibrated, written_features
from edge_runtime.tasks.chat import DEFAULT_ANSWER_TOKENS, Chat
from edge_runtime.tasks.generation import TextGenerator
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.seq2seq import TextToText
from edge_runtime.tasks.text_output import Generation, Limits, Piece


class _ChatOptions(msgspec.Struct, frozen=True):
    """What a ``chat`` request has beside the options of generating."""

    messages: list[Message] = []
    system: str | None = None
    tools: list[dict[str, Any]] = []
    chat_template_kwargs: dict[str, Any] = {}


class Writer:
    """Answers requests with a bundle that makes text; ``tasks`` are those it knows.

    Raises:
        BundleError: the bundle cannot be loaded.
    """

    def __init__(self, bundle: Bundle, resources: Resources | None = None) -> None:
        self.bundle = bundle
        self.generator: TextGenerator | None = None
        self.chat: Chat | None = None
        self._pair: TextToText | None = None
        if bundle.manifest.task != "text-generation":
            self._pair = TextToText(bundle, resources)
            translates = bundle.manifest.task == "translation"
            self.tasks: tuple[str, ...] = ("translate",) if translates else ("summarize",)
            return
        self.generator = TextGenerator(bundle, resources)
        self.tasks = ("generate",)
        try:
            self.chat = Chat(self.generator)
        except UnsupportedTaskError:
            return  # a base model
        self.tasks = ("generate", "chat")

    def stream(self, request: Request, limits: Limits) -> Iterator[str | Answer]:
        """Yield the text piece by piece, and then the answer.

        Raises:
            BadRequestError: an option is wrong, or the text is too long.
        """
        for piece in self._pieces(request, limits):
            if piece.text:
                yield piece.text
            if piece.generation is not None:
                made = piece.generation
                reason = f"{made.generation_tokens} tokens, {made.finish_reason}"
                sure = self._confidence(made)
                if sure is None:
                    reason += "; nothing is known of how right it is"
                yield local_answer(self.bundle, request, made, sure or 0.0, reason)

    def _confidence(self, made: Generation) -> float | None:
        """Return the probability that a text is right; None where nobody measured any."""
        calibration = self.bundle.manifest.calibration.get(WRITTEN)
        if calibration is None or made.mean_margin is None or made.least_margin is None:
            return None
        margins = np.array([made.mean_margin]), np.array([made.least_margin])
        found = written_features(*margins, np.array([made.generation_tokens]))
        names, weights = calibration.features, calibration.weights
        return float(calibrated(found, names, weights, calibration.bias)[0])

    def _pieces(self, request: Request, limits: Limits) -> Iterator[Piece]:
        if request.task == "chat" and self.chat is not None:
            return self._chat_pieces(self.chat, request, limits)
        if "sentences" in request.options:
            raise BadRequestError(
                "option sentences is for extractive summaries; this bundle writes"
            )
        options = GenerationOptions.read(request.options)
        if self._pair is not None:
            return self._pair.stream(request.text, options, limits)
        assert self.generator is not None, "a bundle makes text in one way or the other"  # noqa: S101
        return self.generator.stream(self.generator.tokenizer.ids(request.text), options, limits)

    def _chat_pieces(self, chat: Chat, request: Request, limits: Limits) -> Iterator[Piece]:
        names = set(_ChatOptions.__struct_fields__)
        given = {name: value for name, value in request.options.items() if name in names}
        rest = {name: value for name, value in request.options.items() if name not in names}
        options = GenerationOptions.read({"max_tokens": DEFAULT_ANSWER_TOKENS, **rest})
        try:
            asked = msgspec.convert(given, _ChatOptions)
        except msgspec.ValidationError as exc:
            raise BadRequestError(f"options: {exc}") from exc
        system = [Message(role="system", content=asked.system)] if asked.system else []
        messages = [*system, *asked.messages, Message(role="user", content=request.text)]
        return chat.stream(
            messages,
            options,
            limits,
            tools=asked.tools or None,
            variables=asked.chat_template_kwargs,
        )
