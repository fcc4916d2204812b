"""Summarization and translation with an encoder-decoder: a text in, another text out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BadRequestError, BundleError
from edge_runtime.inference.decoder import Decoder
from edge_runtime.inference.greedy import GenerationConfig, greedy
from edge_runtime.inference.session import Buffer, Session
from edge_runtime.inference.tokenizer import Tokenizer
from edge_runtime.tasks.generation import DEFAULT_NEW_TOKENS, Generation, measured


class TextToText:
    """The sessions, cache and tokenizer of a ``summarization`` or ``translation`` bundle.

    Raises:
        BundleError: a file is missing or broken, or the graphs are no encoder-decoder.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        manifest = bundle.manifest
        graph = manifest.graph
        if graph.encoder is None:
            raise BundleError(f"bundle {manifest.name!r} has no encoder beside its decoder")
        self.bundle = bundle
        self.tokenizer = Tokenizer(bundle.path / "tokenizer.json")
        self.config = GenerationConfig.read(bundle.path)
        if self.config.start is None:
            raise BundleError(f"{bundle.path}: no decoder_start_token_id in generation_config.json")
        encoder, decoder = (
            Session(bundle.path / file, optimization=graph.optimization, threads=threads)
            for file in (graph.encoder, graph.file)
        )
        self._encoder = encoder
        self._decoder = Decoder(decoder, graph.kv_cache, manifest.max_length)
        self._max_length = manifest.max_length

    def generate(self, text: str, *, most: int = DEFAULT_NEW_TOKENS) -> Generation:
        """Return the output for a text, decoded greedily, of at most ``most`` tokens.

        Raises:
            BadRequestError: the text is longer than the model can read.
        """
        ids = self.tokenizer.ids(text)
        return measured(self.tokenizer, ids, self.output(ids, most=most), self.config, most)

    def output(self, ids: Sequence[int], *, most: int) -> Iterator[int]:
        """Yield the output tokens for the tokens of a text."""
        self._read(ids)
        return greedy(self._decoder, [self._start], self.config, min(most, self._max_length - 1))

    def logits(self, ids: Sequence[int], output: Sequence[int]) -> npt.NDArray[np.float32]:
        """Return the logits ``[tokens, vocabulary]`` for each token of a given output."""
        self._read(ids)
        rows = [self._decoder.forward([token]) for token in [self._start, *output[:-1]]]
        return np.concatenate(rows)

    @property
    def _start(self) -> int:
        return self.config.start or 0

    def _read(self, ids: Sequence[int]) -> None:
        if len(ids) > self._max_length:
            raise BadRequestError(
                f"the text has {len(ids)} tokens; the model reads {self._max_length}, so send it "
                "in parts"
            )
        mask = np.ones((1, len(ids)), dtype=np.int64)
        cross = self._encoder.run(
            {"input_ids": np.array([ids], dtype=np.int64), "attention_mask": mask}
        )
        given = {
            name.replace("present.", "past_key_values."): Buffer(value)
            for name, value in cross.items()
        }
        self._decoder.reset({**given, "encoder_attention_mask": Buffer(mask)})
