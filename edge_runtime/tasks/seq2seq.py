"""Summarization and translation with an encoder-decoder: a text in, another text out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BadRequestError, BundleError
from edge_runtime.inference.beam_search import BeamSearch
from edge_runtime.inference.choice import Choice
from edge_runtime.inference.decoder import Decoder
from edge_runtime.inference.generate import generate
from edge_runtime.inference.generation_config import GenerationConfig
from edge_runtime.inference.memory import check_memory
from edge_runtime.inference.resources import Resources
from edge_runtime.inference.session import Buffer, Session
from edge_runtime.inference.tokenizer import Tokenizer
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.text_output import Generation, Limits, Piece, TextOutput, whole
from edge_runtime.tasks.turns import Turns

_PLAIN = GenerationOptions()
_NO_LIMITS = Limits()


class TextToText:
    """The sessions, cache and tokenizer of a ``summarization`` or ``translation`` bundle.

    One request is answered at a time; the others wait.

    Raises:
        BundleError: a file is missing or broken, or the graphs are no encoder-decoder.
    """

    def __init__(self, bundle: Bundle, resources: Resources | None = None) -> None:
        manifest = bundle.manifest
        graph = manifest.graph
        resources = resources or Resources()
        self._max_length = min(manifest.max_length, resources.max_context or manifest.max_length)
        check_memory(bundle, resources.memory_mb, self._max_length)
        if graph.encoder is None:
            raise BundleError(f"bundle {manifest.name!r} has no encoder beside its decoder")
        self.bundle = bundle
        self.tokenizer = Tokenizer(bundle.path / "tokenizer.json")
        self.config = GenerationConfig.read(bundle.path)
        if self.config.start is None:
            raise BundleError(f"{bundle.path}: no decoder_start_token_id in generation_config.json")
        self._encoder, decoder, *first = (
            Session(bundle.path / file, optimization=graph.optimization, resources=resources)
            for file in (graph.encoder, graph.file, graph.first)
            if file is not None
        )
        self._decoder = Decoder(decoder, graph.kv_cache, self._max_length, *first)
        self._turns = Turns()

    @property
    def cache_bytes(self) -> int:
        """Bytes of the KV cache."""
        return self._decoder.cache_bytes

    def generate(
        self, text: str, options: GenerationOptions = _PLAIN, limits: Limits = _NO_LIMITS
    ) -> Generation:
        """Return the output for a text.

        Raises:
            BadRequestError: the text is longer than the model can read, or an option is wrong.
        """
        return whole(self.stream(text, options, limits))

    def stream(
        self, text: str, options: GenerationOptions = _PLAIN, limits: Limits = _NO_LIMITS
    ) -> Iterator[Piece]:
        """Yield the output for a text piece by piece; with beams it comes at the end, as one.

        Raises:
            BadRequestError: the text is longer than the model can read, or an option is wrong.
        """
        ids = self._fitted(self.tokenizer.ids(text), options)
        most = min(options.max_tokens, self._max_length - 1)
        options = msgspec.structs.replace(options, max_tokens=most)
        output = TextOutput(self.tokenizer, self.config, options, prompt_tokens=len(ids))
        with self._turns.one():
            yield from output.pieces(self._tokens(ids, options, limits))
        yield output.last(limits)

    def output(self, ids: Sequence[int], *, most: int, beams: int = 1) -> list[int]:
        """Return the output tokens for the tokens of a text, the start token left out."""
        options = GenerationOptions(max_tokens=most, beams=beams)
        with self._turns.one():
            return list(self._tokens(ids, options, _NO_LIMITS))

    def logits(self, ids: Sequence[int], output: Sequence[int]) -> npt.NDArray[np.float32]:
        """Return the logits ``[tokens, vocabulary]`` for each token of a given output."""
        with self._turns.one():
            self._read(ids)
            rows = [self._decoder.forward([token]).copy() for token in [self._start, *output[:-1]]]
        return np.concatenate(rows)

    @property
    def _start(self) -> int:
        return self.config.start or 0

    def _tokens(
        self, ids: Sequence[int], options: GenerationOptions, limits: Limits
    ) -> Iterator[int]:
        most = min(options.max_tokens, self._max_length - 1)
        sampling = options.sampling(self.config)
        beams = self.config.num_beams if options.beams is None else options.beams
        if beams > 1 and sampling.is_greedy:
            self._read(ids, beams)
            search = BeamSearch(self._decoder, self.config, beams)
            yield from search.run([self._start], most, limits.interrupted)
            return
        self._read(ids)
        choice = Choice(self.config, sampling, [self._start], most)
        yield from generate(self._decoder, [self._start], choice, interrupted=limits.interrupted)

    def _fitted(self, ids: Sequence[int], options: GenerationOptions) -> Sequence[int]:
        if any(value is not None for value in (options.schema, options.regex, options.choice)):
            raise BadRequestError("schema, regex and choice are for models that generate")
        if len(ids) <= self._max_length:
            return ids
        if options.overflow == "cut":  # the end token stays
            return [*ids[: self._max_length - 1], ids[-1]]
        raise BadRequestError(
            f"the text has {len(ids)} tokens; the model reads {self._max_length}, so send it "
            "in parts, or set the option overflow to cut, which leaves out the end"
        )

    def _read(self, ids: Sequence[int], beams: int = 1) -> None:
        """Run the encoder, and give the decoder what it found, once for each beam."""
        rows = np.tile(np.array([ids], dtype=np.int64), (beams, 1))
        mask = np.ones_like(rows)
        made = self._encoder.run({"input_ids": rows[:1], "attention_mask": mask[:1]})
        given = {
            _DECODER_NAMES.get(name, name.replace("present.", "past_key_values.")): Buffer(
                np.repeat(value, beams, axis=0)
            )
            for name, value in made.items()
        }
        self._decoder.reset({**given, "encoder_attention_mask": Buffer(mask)}, beams)


# what the encoder calls it, and what the decoder does
_DECODER_NAMES = {"last_hidden_state": "encoder_hidden_states"}
