"""Text generation: a prompt in, its continuation out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from edge_runtime.bundles.onnx_file import read_onnx
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BadRequestError, BundleError
from edge_runtime.inference.choice import Choice
from edge_runtime.inference.constraint import Constraint, grammar_of, make_constraint
from edge_runtime.inference.decoder import Decoder
from edge_runtime.inference.generate import generate, pieces
from edge_runtime.inference.generation_config import GenerationConfig
from edge_runtime.inference.memory import check_memory
from edge_runtime.inference.probe import Probe
from edge_runtime.inference.prompt_lookup import PromptLookup
from edge_runtime.inference.resources import Resources
from edge_runtime.inference.session import Session
from edge_runtime.inference.tokenizer import Tokenizer
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.text_output import Generation, Limits, Piece, TextOutput, whole
from edge_runtime.tasks.turns import Turns

_PLAIN = GenerationOptions()
_NO_LIMITS = Limits()


class TextGenerator:
    """The session, cache and tokenizer of a ``text-generation`` bundle.

    One request is answered at a time; the others wait. The cache is kept, so that a request that
    begins like the one before is read from where they part. A ``probe`` reads the state after
    every prompt.

    Raises:
        BundleError: a file is missing or broken, the graph is no decoder, or the probe not its own.
    """

    def __init__(
        self, bundle: Bundle, resources: Resources | None = None, *, probe: Probe | None = None
    ) -> None:
        manifest = bundle.manifest
        resources = resources or Resources()
        self.max_length = min(manifest.max_length, resources.max_context or manifest.max_length)
        check_memory(bundle, resources.memory_mb, self.max_length)
        self.bundle = bundle
        self._tokenizer_file = bundle.path / "tokenizer.json"
        self.tokenizer = Tokenizer(self._tokenizer_file)
        self.config = GenerationConfig.read(bundle.path)
        graph = manifest.graph
        sessions = [
            Session(bundle.path / file, optimization=graph.optimization, resources=resources)
            for file in (graph.file, graph.first)
            if file is not None
        ]
        self._decoder = Decoder(sessions[0], graph.kv_cache, self.max_length, *sessions[1:])
        # read several at once, tokens must be what they would be one by one
        is_rewound = graph.kv_cache == "shared"
        self._can_draft = is_rewound and read_onnx(bundle.path / graph.file).reads_independently
        self._turns = Turns()
        self._probe = probe
        if probe is not None and not (
            probe.width == self._decoder.state_width and self._decoder.watch()
        ):
            raise BundleError(
                f"{bundle.path}: the probe reads states of width {probe.width}, and the graph has "
                f"{self._decoder.state_width or 'none'}; calibrate the bundle again"
            )

    @property
    def cache_bytes(self) -> int:
        """Bytes of the KV cache."""
        return self._decoder.cache_bytes

    def forget(self) -> None:
        """Read the next prompt from its beginning, whatever it is."""
        with self._turns.one():
            self._decoder.reset()

    def generate(
        self, prompt: str, options: GenerationOptions = _PLAIN, limits: Limits = _NO_LIMITS
    ) -> Generation:
        """Continue a prompt.

        Raises:
            BadRequestError: the prompt is longer than the model can read, or an option is wrong.
        """
        return whole(self.stream(self.tokenizer.ids(prompt), options, limits))

    def stream(
        self,
        ids: Sequence[int],
        options: GenerationOptions = _PLAIN,
        limits: Limits = _NO_LIMITS,
        *,
        answers: bool = False,
    ) -> Iterator[Piece]:
        """Yield the continuation of a prompt's tokens, piece by piece.

        A prompt that ``answers`` follow is that of a chat: the text begins by itself, and the
        model's makers say how to sample, unless the options do.

        Raises:
            BadRequestError: the prompt is longer than the model can read, or an option is wrong.
        """
        if options.beams not in (None, 1):
            raise BadRequestError("beams are for models that summarize or translate")
        ids = self._fitted(ids, options)
        most = min(options.max_tokens, self.max_length - len(ids))
        sampling = options.sampling(self.config, recommended=answers)
        choice = Choice(self.config, sampling, ids, most, self._constraint(options))
        lookup = None
        if self._can_draft and sampling.is_greedy:
            lookup = PromptLookup(ids, reads_ahead=options.prompt_lookup)
        with self._turns.one():
            unread = self._unread(ids)
            output = TextOutput(
                self.tokenizer,
                self.config,
                msgspec.structs.replace(options, max_tokens=most),
                prompt_tokens=len(ids),
                cached_tokens=len(ids) - len(unread),
                after=() if answers else ids,
                margins=choice.margins,
            )
            tokens = generate(
                self._decoder,
                unread,
                choice,
                lookup=lookup,
                interrupted=limits.interrupted,
                prompt_read=lambda: self._read_probe(output),
            )
            yield from output.pieces(tokens)
        yield output.last(limits)

    def continuation(
        self, ids: Sequence[int], *, most: int, lookup: bool | None = None
    ) -> Iterator[int]:
        """Yield the most likely tokens that follow ``ids``, read anew.

        With ``lookup`` several at a time where they repeat what stood before. Without, the same
        one by one; with None one by one too, but where two tokens are as good as equally likely,
        rounding may decide otherwise.
        """
        with self._turns.one():
            self._decoder.reset()
            most = min(most, max(1, self.max_length - len(ids)))
            sampling = _PLAIN.sampling(self.config)
            choice = Choice(self.config, sampling, ids, most)
            drafts = None
            if lookup is not None and self._can_draft:
                drafts = PromptLookup(ids, reads_ahead=lookup)
            yield from generate(self._decoder, ids, choice, lookup=drafts)

    def logits(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Return the logits ``[tokens, vocabulary]`` after each token of a text."""
        with self._turns.one():
            self._decoder.reset()
            return self._decoder.forward(ids, keep=len(ids)).copy()

    def state(self, ids: Sequence[int]) -> npt.NDArray[np.float32] | None:
        """Return the hidden state ``[hidden]`` after a prompt, None if the graph gives none.

        Of a prompt that was just answered only the end is read again.
        """
        with self._turns.one():
            if not self._decoder.watch():
                return None
            for piece in pieces(self._unread(ids)):
                self._decoder.forward(piece)
            return None if self._decoder.state is None else self._decoder.state.copy()

    def _read_probe(self, output: TextOutput) -> None:
        if self._probe is not None and self._decoder.state is not None:
            output.probe = self._probe.log_odds(self._decoder.state)

    def _fitted(self, ids: Sequence[int], options: GenerationOptions) -> Sequence[int]:
        """Return what of a prompt is read: all of it, or its newest tokens with room to answer."""
        if not ids:
            raise BadRequestError("the prompt has no tokens; send at least one word")
        if len(ids) < self.max_length:
            return ids
        if options.overflow == "fail":
            raise BadRequestError(
                f"the prompt has {len(ids)} tokens; the model reads {self.max_length}, its output "
                "included: send less, or set the option overflow to cut, which drops the oldest"
            )
        room = self.max_length - min(options.max_tokens, self.max_length // 2)
        return ids[len(ids) - room :]

    def _unread(self, ids: Sequence[int]) -> Sequence[int]:
        """Keep of the cache what the prompt begins with; return the rest of the prompt.

        At least two tokens are read again: one alone would be computed by other kernels than when
        the whole prompt is read.
        """
        known = self._decoder.tokens
        same = 0
        for mine, theirs in zip(known, ids[:-2], strict=False):
            if mine != theirs:
                break
            same += 1
        self._decoder.rewind(same)
        if same == 0:
            self._decoder.reset()
        return ids[same:]

    def _constraint(self, options: GenerationOptions) -> Constraint | None:
        grammar = grammar_of(options.schema, options.regex, options.choice)
        if grammar is None:
            return None
        size = max(self._decoder.vocabulary, self.tokenizer.vocabulary)
        return make_constraint(self._tokenizer_file, size, self.config.eos, grammar)
