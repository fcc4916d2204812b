"""A decoder graph with its KV cache: token ids in, logits out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BadRequestError, BundleError
from edge_runtime.inference.kv_cache import GrowingCache, SharedCache, past_names
from edge_runtime.inference.session import Array, Binding, Buffer, Session

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

# one forward of so many tokens costs less than several smaller ones, and can still be interrupted
PREFILL_TOKENS = 256
STATES = "last_hidden_state"  # output [batch, kept, hidden]: what the head makes logits of
_SHORT = 32  # forwards up to this length keep their bindings
_KEEP = "num_logits_to_keep"
_OWN_INPUTS = {"input_ids", "attention_mask", "position_ids", "use_cache_branch", _KEEP}


@dataclass(frozen=True)
class _Step:
    """A bound forward of a fixed number of tokens."""

    binding: Binding
    feeds: dict[str, Array]
    logits: Floats
    state: Floats | None


class Decoder:
    """Reads a sequence piece by piece; what it has read stays in the cache until ``reset``.

    ``kv_cache`` is the graph's: with ``shared`` all steps read and write the same buffers, which
    are ``max_length`` tokens long; with ``growing`` each step makes new ones. ``first`` is the
    graph that begins a sequence, where that is not the same one. ``tokens`` are those read, as
    long as ``forward`` reads them. ``state`` is the hidden state ``[hidden]`` of the last one, from
    ``watch`` on; the next call may write to it.

    Raises:
        BundleError: the graph has no cache, or an input that nothing here can give.
    """

    def __init__(
        self,
        session: Session,
        kv_cache: Literal["none", "shared", "growing"],
        max_length: int,
        first: Session | None = None,
    ) -> None:
        self._session = session
        self._first = first
        self.max_length = max_length
        self._names = past_names(session, first)
        self._shared = kv_cache == "shared"
        self._cache = (
            SharedCache(session, self._names, max_length)
            if self._shared
            else GrowingCache(session, self._names)
        )
        self._steps: dict[tuple[int, int], _Step] = {}
        self._logits: Floats = np.zeros(0, dtype=np.float32)  # of all steps
        self._mask = np.ones((1, max_length), dtype=_dtype(session, "attention_mask"))
        self._given: dict[str, Buffer] = {}
        self._watches = False
        self.state: Floats | None = None
        self.tokens: list[int] = []
        self.length = 0
        self.reset()

    @property
    def vocabulary(self) -> int:
        """The width of the logits, 0 where the graph does not say it."""
        width = self._session.output_shape("logits")[-1]
        return width if isinstance(width, int) else 0

    @property
    def cache_bytes(self) -> int:
        """Bytes of the KV cache."""
        return self._cache.size_bytes

    @property
    def state_width(self) -> int:
        """The width of the hidden states, 0 where the graph does not give them."""
        if STATES not in self._session.outputs:
            return 0
        width = self._session.output_shape(STATES)[-1]
        return width if isinstance(width, int) else 0

    def watch(self) -> bool:
        """Keep the last state of every forward from now on; False where the graph gives none."""
        if not self._watches and self.state_width:
            self._watches = True
            self._steps.clear()  # they do not fetch it
        return self._watches

    def reset(self, given: Mapping[str, Buffer] | None = None, batch: int = 1) -> None:
        """Forget the sequence; ``given`` are inputs that stay the same for the next one."""
        if given is not None:
            self._given = dict(given)
        self.tokens.clear()
        self.length = 0
        self._cache.clear(batch)

    def rewind(self, length: int) -> None:
        """Forget all but the first ``length`` tokens."""
        if length < self.length:
            self._cache.rewind(length)
            self.length = length
            del self.tokens[length:]

    def reorder(self, rows: Sequence[int]) -> None:
        """Let row ``i`` of the batch go on where row ``rows[i]`` is."""
        self._cache.reorder(rows)

    def forward(self, ids: Sequence[int], keep: int = 1) -> Floats:
        """Read more tokens; return the logits ``[keep, vocabulary]`` of the last ones.

        They stand in memory that the next call may write to.

        Raises:
            BadRequestError: the sequence would be longer than the model can read.
            BundleError: the graph fails, or gives numbers that are none.
        """
        if self._shared and (len(ids), keep) in self._steps:
            self._check_room(len(ids))
            logits = self._again(self._steps[len(ids), keep], ids)
        else:
            logits = self.forward_batch(np.array([ids], dtype=np.int64), keep)[0]
        self.tokens.extend(ids)
        return logits

    def forward_batch(self, ids: Ids, keep: int = 1) -> Floats:
        """Read tokens ``[batch, tokens]``; return logits ``[batch, keep, vocabulary]``.

        Raises:
            BadRequestError: the sequence would be longer than the model can read.
            BundleError: the graph fails, or gives numbers that are none.
        """
        self._check_room(ids.shape[1])
        if self._shared and ids.shape[1] <= _SHORT and self.vocabulary:
            step = self._bound(ids.shape[1], keep)
            self._steps[ids.shape[1], keep] = step
            return self._again(step, ids[0])[None]
        session = self._first if self._first is not None and self.length == 0 else self._session
        if self.length == 0:
            self._check_inputs(session)
        binding = session.binding()
        self._cache.bind(binding, session)
        feeds: dict[str, Array | Buffer] = {**self._feeds(ids, keep), **self._given}
        for name in session.inputs:
            if name in feeds:
                binding.feed(name, feeds[name])
        binding.fetch("logits")
        watches = self._watches and STATES in session.outputs
        if watches:
            binding.fetch(STATES)
        binding.run()
        outputs = binding.outputs()
        self._cache.take(outputs)
        self.length += ids.shape[1]
        self.state = np.asarray(outputs[STATES].array()[0, -1], np.float32) if watches else None
        logits = outputs["logits"].array()[:, -keep:]
        return self._checked(np.asarray(logits, dtype=np.float32))

    def _again(self, step: _Step, ids: Sequence[int] | Ids) -> Floats:
        total = self.length + len(ids)
        step.feeds["input_ids"][0] = ids
        if "position_ids" in step.feeds:
            step.feeds["position_ids"][0] = np.arange(self.length, total)
        step.binding.feed("attention_mask", self._mask[:, :total])
        step.binding.run()
        self.length = total
        self.state = step.state
        return self._checked(step.logits)

    def _bound(self, count: int, keep: int) -> _Step:
        """Bind a forward of ``count`` tokens once for all."""
        self._check_inputs(self._session)
        vocabulary = self.vocabulary
        rows = keep if _KEEP in self._session.inputs else count
        binding = self._session.binding()
        self._cache.bind(binding, self._session)
        names = self._session.inputs
        ids = np.zeros((1, count), dtype=np.int64)
        feeds = {n: value for n, value in self._feeds(ids, keep).items() if n in names}
        for name, value in feeds.items():
            binding.feed(name, value)
        if len(self._logits) < rows * vocabulary:
            self._logits = np.zeros(rows * vocabulary, dtype=np.float32)
            self._steps.clear()  # they write to the smaller one
        logits = self._logits[: rows * vocabulary].reshape(1, rows, vocabulary)
        binding.fetch("logits", Buffer(logits))
        state = None
        if self._watches:
            states = np.zeros((1, rows, self.state_width), dtype=np.float32)
            binding.fetch(STATES, Buffer(states))
            state = states[0, -1]
        return _Step(binding, feeds, logits[0, -keep:], state)

    def _feeds(self, ids: Ids, keep: int) -> dict[str, Array]:
        total = self.length + ids.shape[1]
        positions = np.broadcast_to(np.arange(self.length, total, dtype=np.int64), ids.shape)
        return {
            "input_ids": ids.astype(_dtype(self._session, "input_ids"), copy=False),
            "attention_mask": np.ones((len(ids), total), dtype=self._mask.dtype),
            "position_ids": np.ascontiguousarray(positions),
            "use_cache_branch": np.array([self.length > 0]),
            _KEEP: np.array(keep, dtype=np.int64),
        }

    def _check_inputs(self, session: Session) -> None:
        unknown = set(session.inputs) - {*_OWN_INPUTS, *self._names, *self._given}
        if unknown:
            raise BundleError(
                f"{session.path} wants an input {min(unknown)!r} that this task does not give"
            )

    def _check_room(self, count: int) -> None:
        total = self.length + count
        if total > self.max_length:
            raise BadRequestError(
                f"the text has {total} tokens or more; the model reads {self.max_length}"
            )

    def _checked(self, logits: Floats) -> Floats:
        # one that is no number would be the largest
        if not np.isfinite(logits[..., -1, :].max()):
            raise BundleError(
                f"{self._session.path} gives logits that are not numbers; export the model again"
            )
        return logits


def _dtype(session: Session, name: str) -> npt.DTypeLike:
    return session.input_dtype(name) if name in session.inputs else np.int64
