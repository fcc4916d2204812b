"""The tasks of bundles that make text: generate, chat, summarize, translate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from edge_runtime.assistant.certainty import certainty, other_choice
from edge_runtime.assistant.local_answer import local_answer
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BadRequestError, UnsupportedTaskError
from edge_runtime.inference.chat_template import Message
from edge_runtime.inference.probe import Probe
from edge_runtime.inference.resources import Resources
from edge_runtime.messages import Answer, Request
from edge_runtime.routing.confidence import WRITTEN
from edge_runtime.tasks.chat import DEFAULT_ANSWER_TOKENS, Chat
from edge_runtime.tasks.generation import TextGenerator
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.seq2seq import TextToText
from edge_runtime.tasks.text_output import Limits, Piece


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
        self._calibration = bundle.manifest.calibration.get(WRITTEN)
        if bundle.manifest.task != "text-generation":
            self._pair = TextToText(bundle, resources)
            translates = bundle.manifest.task == "translation"
            self.tasks: tuple[str, ...] = ("translate",) if translates else ("summarize",)
            return
        stored = None if self._calibration is None else self._calibration.probe
        probe = None if stored is None else Probe.read(stored)
        self.generator = TextGenerator(bundle, resources, probe=probe)
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
        pieces, other_kind = self._pieces(request, limits)
        for piece in pieces:
            if piece.text:
                yield piece.text
            if piece.generation is not None:
                made = piece.generation
                sure = certainty(self._calibration, made, other_kind)
                reason = f"{made.generation_tokens} tokens, {made.finish_reason}; {sure.reason}"
                answer = local_answer(self.bundle, request, made, sure.confidence, reason)
                yield msgspec.structs.replace(answer, guarantee=sure.guarantee)

    def _pieces(self, request: Request, limits: Limits) -> tuple[Iterator[Piece], str | None]:
        """Return the text to come, and why it is not of the kind that was calibrated, if so."""
        if request.task == "chat" and self.chat is not None:
            return self._chat_pieces(self.chat, request, limits)
        if "sentences" in request.options:
            raise BadRequestError(
                "option sentences is for extractive summaries; this bundle writes"
            )
        options = GenerationOptions.read(request.options)
        if self._pair is not None:
            return self._pair.stream(request.text, options, limits), None
        assert self.generator is not None, "a bundle makes text in one way or the other"  # noqa: S101
        other_kind = other_choice(options, self.generator.config, answers=False)
        if self.chat is not None:
            other_kind = other_kind or "it continues a text, and the calibration chatted"
        ids = self.generator.tokenizer.ids(request.text)
        return self.generator.stream(ids, options, limits), other_kind

    def _chat_pieces(
        self, chat: Chat, request: Request, limits: Limits
    ) -> tuple[Iterator[Piece], str | None]:
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
        assert self.generator is not None, "who chats has a generator"  # noqa: S101
        other_kind = other_choice(options, self.generator.config, answers=True)
        if asked != _ChatOptions():
            other_kind = other_kind or "the calibration asked single questions"
        pieces = chat.stream(
            messages,
            options,
            limits,
            tools=asked.tools or None,
            variables=asked.chat_template_kwargs,
        )
        return pieces, other_kind
