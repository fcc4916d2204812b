"""Chat: messages in, the assistant's next message out."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from edge_runtime.errors import BadRequestError, UnsupportedTaskError
from edge_runtime.inference.chat_template import ChatTemplate, Message, has_template
from edge_runtime.tasks.generation import TextGenerator
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.text_output import Limits, Piece
from edge_runtime.tasks.tool_calls import parse_tool_calls

DEFAULT_ANSWER_TOKENS = 512

_PLAIN = GenerationOptions(max_tokens=DEFAULT_ANSWER_TOKENS)
_NO_LIMITS = Limits()
_LEAST_ROOM = 16  # tokens of an answer

Tools = Sequence[Mapping[str, Any]]


class Chat:
    """A conversation with a ``text-generation`` bundle in the model's own chat template.

    A conversation that has become longer than the context loses its oldest turns; what the system
    says stays. The model's makers say how to sample, unless the options do.

    Raises:
        UnsupportedTaskError: the bundle has no chat template.
    """

    def __init__(self, generator: TextGenerator) -> None:
        self._generator = generator
        if not has_template(generator.bundle.path):
            raise UnsupportedTaskError(
                f"bundle {generator.bundle.manifest.name!r} has no chat template, so it was not "
                "trained to chat; use generate, or an instruct model"
            )

    @functools.cached_property
    def _template(self) -> ChatTemplate:
        """The template, compiled when somebody chats: that takes 100 ms."""
        template = ChatTemplate.read(self._generator.bundle.path)
        assert template is not None, "there was one when the bundle was opened"  # noqa: S101
        return template

    def stream(
        self,
        messages: Sequence[Message],
        options: GenerationOptions = _PLAIN,
        limits: Limits = _NO_LIMITS,
        *,
        tools: Tools | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> Iterator[Piece]:
        """Yield the next message piece by piece; with ``tools`` the last piece has their calls.

        ``variables`` are what this model's template knows more, such as ``enable_thinking``.

        Raises:
            BadRequestError: the template refuses the messages, the last one alone is too long, or
                an option is wrong.
        """
        ids = self.prompt(messages, options, tools, variables)
        for piece in self._generator.stream(ids, options, limits, answers=True):
            if piece.generation is None or not tools:
                yield piece
                continue
            parsed = parse_tool_calls(piece.generation.text)
            generation = msgspec.structs.replace(
                piece.generation, text=parsed.text, tool_calls=parsed.calls
            )
            yield Piece(piece.text, generation)

    def prompt(
        self,
        messages: Sequence[Message],
        options: GenerationOptions = _PLAIN,
        tools: Tools | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> list[int]:
        """Return the tokens of the newest turns that leave room for an answer.

        Raises:
            BadRequestError: the template refuses the messages, or the last one alone is too long.
        """
        longest = self._generator.max_length
        room = min(options.max_tokens, max(_LEAST_ROOM, longest // 4))
        while True:
            text = self._template.render(messages, tools=tools, variables=variables)
            # the template writes the special tokens out
            ids = self._generator.tokenizer.ids(text, special=False)
            shorter = _without_oldest(messages)
            if len(ids) + room <= longest or (shorter is None and options.overflow == "cut"):
                return ids
            if shorter is None:
                if len(ids) < longest:
                    return ids
                raise BadRequestError(
                    f"the last message has {len(ids)} tokens with what belongs to it; the model "
                    f"reads {longest}, its answer included: send less"
                )
            messages = shorter


def _without_oldest(messages: Sequence[Message]) -> list[Message] | None:
    """Return the messages without the oldest question and what follows it, None if it is the last.

    What stands before the first question, such as a system message, stays.
    """
    questions = [index for index, message in enumerate(messages) if message.role == "user"]
    if len(questions) < 2:  # noqa: PLR2004 - the oldest and the last
        return None
    first, second = questions[:2]
    return [*messages[:first], *messages[second:]]
