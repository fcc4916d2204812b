"""Text generation: a prompt in, its continuation out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.bundles.store import Bundle
from edge_runtime.inference.decoder import Decoder
from edge_runtime.inference.greedy import GenerationConfig, greedy
from edge_runtime.inference.session import Session
from edge_runtime.inference.tokenizer import Tokenizer

DEFAULT_NEW_TOKENS = 128


class Generation(msgspec.Struct, frozen=True):
    """Generated text with its measurements.

    ``ttft_ms`` is the time to the first token; ``prompt_tps`` and ``generation_tps`` are tokens
    per second of prefill and decode; ``finish_reason`` is ``stop`` or ``length``.
    """

    text: str
    prompt_tokens: int
    generation_tokens: int
    ttft_ms: float
    prompt_tps: float
    generation_tps: float
    finish_reason: str


class TextGenerator:
    """The session, cache and tokenizer of a ``text-generation`` bundle.

    Raises:
        BundleError: a file is missing or broken, or the graph is no decoder.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        manifest = bundle.manifest
        self.bundle = bundle
        self.tokenizer = Tokenizer(bundle.path / "tokenizer.json")
        self.config = GenerationConfig.read(bundle.path)
        graph = manifest.graph
        session = Session(
            bundle.path / graph.file, optimization=graph.optimization, threads=threads
        )
        self._decoder = Decoder(session, graph.kv_cache, manifest.max_length)
        self._max_length = manifest.max_length

    def generate(self, prompt: str, *, most: int = DEFAULT_NEW_TOKENS) -> Generation:
        """Continue a prompt greedily by at most ``most`` tokens.

        Raises:
            BadRequestError: the prompt is longer than the model can read.
        """
        ids = self.tokenizer.ids(prompt)
        return measured(self.tokenizer, ids, self.continuation(ids, most=most), self.config, most)

    def continuation(self, ids: Sequence[int], *, most: int) -> Iterable[int]:
        """Yield the tokens that follow ``ids``."""
        self._decoder.reset()
        room = max(1, self._max_length - len(ids))
        return greedy(self._decoder, ids, self.config, min(most, room))

    def logits(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Return the logits ``[tokens, vocabulary]`` after each token of a text."""
        self._decoder.reset()
        return self._decoder.forward(ids, keep=len(ids))


def measured(
    tokenizer: Tokenizer,
    prompt: Sequence[int],
    tokens: Iterable[int],
    config: GenerationConfig,
    most: int,
) -> Generation:
    """Run a generation to its end and return its text and measurements."""
    started = time.perf_counter()
    first = ended = started
    made: list[int] = []
    for token in tokens:
        ended = time.perf_counter()
        first = first if made else ended
        made.append(token)
    stopped = bool(made) and made[-1] in config.eos
    return Generation(
        text=tokenizer.text(made),
        prompt_tokens=len(prompt),
        generation_tokens=len(made),
        ttft_ms=round((first - started) * 1e3, 3),
        prompt_tps=_rate(len(prompt), first - started),
        generation_tps=_rate(len(made) - 1, ended - first),
        finish_reason="stop" if stopped and len(made) <= most else "length",
    )


def _rate(count: int, seconds: float) -> float:
    return round(count / seconds, 2) if seconds > 0 and count > 0 else 0.0
