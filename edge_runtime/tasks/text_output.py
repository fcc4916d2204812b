"""Tokens as they come: pieces of text out, and at the end what it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from edge_runtime.inference.generation_config import GenerationConfig
from edge_runtime.inference.margins import Margins
from edge_runtime.inference.text_stream import TextStream
from edge_runtime.inference.tokenizer import Tokenizer
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.tool_calls import ToolCall

FinishReason = Literal["stop", "length", "cancelled", "deadline"]


class Generation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Generated text with its measurements.

    ``ttft_ms`` is the time to the first token; ``prompt_tps`` and ``generation_tps`` are tokens
    per second of prefill and decode; of the prompt's tokens ``cached_tokens`` were known from the
    request before. ``finish_reason`` is ``stop``, ``length``, ``cancelled`` or ``deadline``.
    ``tool_calls`` are those of a chat with tools; ``text`` is then without them. ``mean_margin``
    and ``least_margin`` are how far, in logits, the tokens were ahead of the best other ones; None
    where there was nothing to choose, and with several beams. ``probe`` are the log-odds of a right
    answer that the bundle's probe read before the first token, None without one.
    """

    text: str
    prompt_tokens: int
    generation_tokens: int
    ttft_ms: float
    prompt_tps: float
    generation_tps: float
    finish_reason: FinishReason
    cached_tokens: int = 0
    tool_calls: list[ToolCall] = []
    mean_margin: float | None = None
    least_margin: float | None = None
    probe: float | None = None


class Piece(msgspec.Struct, frozen=True):
    """New text; the last piece of a stream carries the whole and its measurements."""

    text: str
    generation: Generation | None = None


@dataclass(frozen=True)
class Limits:
    """When to stop before the end: ``deadline`` in the seconds of ``clock``, or when asked to.

    ``cancelled`` is asked before each token.
    """

    deadline: float | None = None
    cancelled: Callable[[], bool] = field(default=lambda: False)
    clock: Callable[[], float] = time.monotonic

    def reached(self) -> Literal["cancelled", "deadline"] | None:
        """Return what has been reached, None for nothing."""
        if self.cancelled():
            return "cancelled"
        if self.deadline is not None and self.clock() >= self.deadline:
            return "deadline"
        return None

    def interrupted(self) -> bool:
        """Whether anything has been reached."""
        return self.reached() is not None


class TextOutput:
    """Turns the tokens of one output into text, and takes the time.

    ``options`` say how many may come, and what ends the text; ``prompt_tokens`` are those of the
    whole prompt, of which ``cached_tokens`` are not read again; the text goes on ``after`` these.
    ``margins`` are those of the tokens; whoever reads a probe sets ``probe``.
    """

    def __init__(  # noqa: PLR0913 - all but three are keywords
        self,
        tokenizer: Tokenizer,
        config: GenerationConfig,
        options: GenerationOptions,
        *,
        prompt_tokens: int,
        cached_tokens: int = 0,
        after: Sequence[int] = (),
        margins: Margins | None = None,
    ) -> None:
        self._eos = config.eos
        self._margins = margins or Margins()
        self.probe: float | None = None
        self._most = options.max_tokens
        self._stream = TextStream(
            tokenizer.text, options.stop, byte_tokens=tokenizer.byte_tokens, after=after
        )
        self._prompt_tokens = prompt_tokens
        self._cached_tokens = cached_tokens
        self._parts: list[str] = []
        self._started = self._first = self._ended = 0.0
        self._count, self._token = 0, -1

    def pieces(self, tokens: Iterator[int]) -> Iterator[Piece]:
        """Yield the text piece by piece, but for what is held back until the end is known."""
        self._started = self._first = self._ended = time.perf_counter()
        for token in tokens:
            self._ended = time.perf_counter()
            self._first = self._first if self._count else self._ended
            self._count += 1
            self._token = token
            if token in self._eos:
                return
            if text := self._stream.push(token):
                self._parts.append(text)
                yield Piece(text)
            if self._stream.stopped is not None:
                return

    def last(self, limits: Limits) -> Piece:
        """Return the rest of the text, maybe empty, with the whole and its measurements."""
        rest = self._stream.finish()
        read = self._prompt_tokens - self._cached_tokens
        generation = Generation(
            text="".join([*self._parts, rest]),
            prompt_tokens=self._prompt_tokens,
            generation_tokens=self._count,
            ttft_ms=round((self._first - self._started) * 1e3, 3),
            prompt_tps=_rate(read, self._first - self._started),
            generation_tps=_rate(self._count - 1, self._ended - self._first),
            finish_reason=self._reason(limits),
            mean_margin=_rounded(self._margins.mean),
            least_margin=_rounded(self._margins.least),
            probe=_rounded(self.probe),
            cached_tokens=self._cached_tokens,
        )
        return Piece(rest, generation)

    def _reason(self, limits: Limits) -> FinishReason:
        if self._token in self._eos or self._stream.stopped is not None:
            return "stop"
        if self._count >= self._most:
            return "length"
        return limits.reached() or "stop"  # at the end of a grammar


def whole(pieces: Iterator[Piece]) -> Generation:
    """Return what a stream ends with."""
    for piece in pieces:
        if piece.generation is not None:
            return piece.generation
    raise AssertionError("a stream ends with its generation")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _rate(count: int, seconds: float) -> float:
    return round(count / seconds, 2) if seconds > 0 and count > 0 else 0.0
