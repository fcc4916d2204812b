"""A bundle in memory: one method for each task."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias, TypeVar, Unpack, overload

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.api.keywords import GenerationKeywords
from edge_runtime.api.streaming import read_along
from edge_runtime.assistant.asking import Escalate, ask
from edge_runtime.assistant.pieces import written_pieces
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.errors import BadRequestError, UnsupportedTaskError
from edge_runtime.inference.chat_template import Message
from edge_runtime.messages import Answer, Privacy, Request, RequestPolicy, WhenOffline
from edge_runtime.tasks.chat import DEFAULT_ANSWER_TOKENS
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.text_output import Generation, Limits, Piece, whole

Stream: TypeAlias = Generator[str, None, Generation]
"""Pieces of text; what it returns at its end has the measurements."""

Conversation: TypeAlias = str | Sequence[Message | Mapping[str, object]]
"""What a user says, or messages in OpenAI's form."""

_Kind = TypeVar("_Kind")


class LoadedBundle:
    """A bundle in memory; made by ``edge_runtime.load``.

    ``tasks`` are the methods that it can do (without ``stream``); any other raises
    ``UnsupportedTaskError``, which says what it does. All methods may be called from several
    threads at once: a bundle that reads answers them together, a bundle that writes one after the
    other, in no particular order. ``close`` frees the memory; a call that is under way still ends.
    """

    def __init__(
        self, assistant: Assistant, escalate: Escalate, close: Callable[[], None] | None = None
    ) -> None:
        self._loaded: Assistant | None = assistant
        self._escalate = escalate
        self._close = close
        self.name = assistant.bundle.manifest.name
        self.model = assistant.bundle.model_name
        self.tasks = assistant.tasks

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.model}: {', '.join(self.tasks)}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the model; harmless when done already."""
        self._loaded = None
        if self._close is not None:
            self._close()
            self._close = None

    def ask(
        self,
        text: str,
        *,
        lang: str | None = None,
        privacy: Privacy | None = None,
        when_offline: WhenOffline | None = None,
        max_cost_usd: float | None = None,
        deadline_ms: int | None = None,
    ) -> Answer:
        """Answer here when sure, else ask the large model as the policy allows.

        Without one, or where it cannot be reached, the answer is the local best guess and
        ``reason`` says so. What is asked of the policy can only make it stricter.

        Raises:
            BadRequestError: the text is empty, or not valid Unicode.
            TooLargeError: the text is too long.
        """
        assistant = self._assistant("ask")
        asked = {
            "privacy": privacy,
            "when_offline": when_offline,
            "max_cost_usd": max_cost_usd,
            "deadline_ms": deadline_ms,
        }
        policy = _checked(_given(asked), RequestPolicy, "policy")
        return ask(assistant, Request(text=text, lang=lang, policy=policy), self._escalate)

    def classify(
        self,
        text: str,
        *,
        head: str | None = None,
        labels: Sequence[str] | Mapping[str, str | Sequence[str]] | None = None,
    ) -> Answer:
        """Name the label of a text: one that a head knows, or one of your own, by its meaning.

        >>> load().classify("I love it", head="sentiment").result["label"]
        'positive'
        """
        return self._read("classify", text, head=head, labels=_plain(labels))

    def tag(self, text: str, *, head: str | None = None) -> Answer:
        """Find people, places and so on; ``result["entities"]`` has character spans."""
        return self._read("tag", text, head=head)

    def embed(self, text: str | Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the unit vector ``[dimensions]`` of a text, or ``[texts, dimensions]`` of several.

        The dot product of two is their cosine similarity.
        """
        if isinstance(text, str):
            result = self._read("embed", text).result or {}
            return np.array(result["vector"], dtype=np.float32)
        if not text:
            raise BadRequestError("there are no texts to embed; give at least one")
        return np.stack([self.embed(each) for each in text])

    def answer(self, question: str, context: str, *, min_score: float | None = None) -> Answer:
        """Find the words of a text that answer a question."""
        return self._read("answer", context, question=question, min_score=min_score)

    def summarize(
        self, text: str, *, sentences: int | None = None, **options: Unpack[GenerationKeywords]
    ) -> Answer:
        """Keep the sentences that say most, or write a summary; ``result["text"]`` has it.

        ``sentences`` is for bundles that read, the other options are for those that write.
        """
        if options and self._assistant("summarize").writer is None:
            raise BadRequestError(
                f"option {next(iter(options))} is for a bundle that writes; {self.name!r} keeps "
                "sentences of the text itself"
            )
        return self._read("summarize", text, sentences=sentences, **options)

    @overload
    def generate(
        self, prompt: str, *, stream: Literal[False] = False, **options: Unpack[GenerationKeywords]
    ) -> Generation: ...
    @overload
    def generate(
        self, prompt: str, *, stream: Literal[True], **options: Unpack[GenerationKeywords]
    ) -> Stream: ...
    def generate(
        self, prompt: str, *, stream: bool = False, **options: Unpack[GenerationKeywords]
    ) -> Generation | Stream:
        """Continue a text; with ``stream`` return its pieces as they are written.

        >>> for piece in load("smollm2").generate("The sea is", stream=True, max_tokens=20):
        ...     print(piece, end="", flush=True)

        Once begun, a stream is written whether it is read or not; to close or drop it ends that.

        Raises:
            BadRequestError: the prompt is too long, or an option is wrong; a stream raises it when
                it is first read.
        """
        return self._write("generate", prompt, options, stream=stream)

    @overload
    def translate(
        self, text: str, *, stream: Literal[False] = False, **options: Unpack[GenerationKeywords]
    ) -> Generation: ...
    @overload
    def translate(
        self, text: str, *, stream: Literal[True], **options: Unpack[GenerationKeywords]
    ) -> Stream: ...
    def translate(
        self, text: str, *, stream: bool = False, **options: Unpack[GenerationKeywords]
    ) -> Generation | Stream:
        """Translate a text; as ``generate`` otherwise."""
        return self._write("translate", text, options, stream=stream)

    @overload
    def chat(
        self,
        messages: Conversation,
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        stream: Literal[False] = False,
        **options: Unpack[GenerationKeywords],
    ) -> Generation: ...
    @overload
    def chat(
        self,
        messages: Conversation,
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        stream: Literal[True],
        **options: Unpack[GenerationKeywords],
    ) -> Stream: ...
    def chat(
        self,
        messages: Conversation,
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        stream: bool = False,
        **options: Unpack[GenerationKeywords],
    ) -> Generation | Stream:
        """Return the next message of a conversation; as ``generate`` otherwise.

        ``messages`` is what a user says, or OpenAI's list of messages. With ``tools`` (OpenAI's,
        too) the generation has their ``tool_calls``, and a stream the text in which they stand.

        >>> load("smollm2-instruct").chat("Name three colours.").text
        """
        writer = self._assistant("chat").writer
        chat_with = None if writer is None else writer.chat
        assert chat_with is not None, "it knows the task"  # noqa: S101
        said = [Message(role="user", content=messages)] if isinstance(messages, str) else messages
        turns = _checked(list(said), list[Message], "messages")
        asked = GenerationOptions.read({"max_tokens": DEFAULT_ANSWER_TOKENS, **options})

        def write(limits: Limits) -> Iterator[Piece]:
            return chat_with.stream(turns, asked, limits, tools=tools or None)

        return _written(write, stream=stream)

    def _assistant(self, task: str) -> Assistant:
        loaded = self._loaded
        if loaded is None:
            raise BadRequestError(f"bundle {self.name!r} is closed; load it again")
        if task not in self.tasks:
            raise UnsupportedTaskError(
                f"bundle {self.name!r} does not {task}, but {', '.join(self.tasks)}; load one that "
                "does"
            )
        return loaded

    def _read(self, task: str, text: str, **options: Any) -> Answer:  # noqa: ANN401 - JSON
        assistant = self._assistant(task)
        found = assistant.begin(Request(text=text, task=task, options=_given(options)))
        assert isinstance(found, Answer), "these tasks never escalate"  # noqa: S101
        return found

    def _write(
        self, task: str, text: str, options: GenerationKeywords, *, stream: bool
    ) -> Generation | Stream:
        assistant = self._assistant(task)
        request = Request(text=text, task=task, options={**options})

        def write(limits: Limits) -> Iterator[Piece]:
            return written_pieces(assistant, request, limits)

        return _written(write, stream=stream)


def _written(write: Callable[[Limits], Iterator[Piece]], *, stream: bool) -> Generation | Stream:
    return read_along(write) if stream else whole(write(Limits()))


def _given(options: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _plain(
    labels: Sequence[str] | Mapping[str, str | Sequence[str]] | None,
) -> list[str] | dict[str, str | list[str]] | None:
    """Return labels as JSON has them.

    Raises:
        BadRequestError: they are one text.
    """
    if isinstance(labels, str):
        raise BadRequestError("labels must be a list of texts, not one text")
    if isinstance(labels, Mapping):
        return {
            name: meaning if isinstance(meaning, str) else list(meaning)
            for name, meaning in labels.items()
        }
    return None if labels is None else list(labels)


def _checked(value: object, kind: type[_Kind], what: str) -> _Kind:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as exc:
        raise BadRequestError(f"{what}: {exc}") from exc
