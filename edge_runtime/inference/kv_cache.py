"""What a decoder has read so far: the keys and values of its attention layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BundleError
from edge_runtime.inference.session import Array, Binding, Buffer, Session

PAST, PRESENT = "past_key_values.", "present."
_CROSS = ".encoder."  # in the names of what an encoder-decoder's attention reads of the input
_TOKENS = 2  # axis of [batch, heads, tokens, width]


class KVCache(Protocol):
    """Keys and values ``[batch, heads, tokens, width]`` by the name of the graph's input."""

    def clear(self, batch: int) -> None:
        """Forget everything."""

    def bind(self, binding: Binding, session: Session) -> None:
        """Bind past and present for the next run of a session."""

    def take(self, outputs: Mapping[str, Buffer]) -> None:
        """Keep what a run made."""

    def rewind(self, length: int) -> None:
        """Forget all but the first ``length`` tokens."""

    def reorder(self, rows: Sequence[int]) -> None:
        """Let row ``i`` of the batch go on where row ``rows[i]`` is."""

    @property
    def size_bytes(self) -> int:
        """Bytes of the buffers; of shared ones the kernel gives only what was written."""


def past_names(session: Session, first: Session | None = None) -> list[str]:
    """Return the names of the past keys and values that a run makes longer.

    An encoder-decoder's graph may have others, which are given before its first run.

    Raises:
        BundleError: the graph is no decoder with a cache, or some of its layers have none.
    """
    past = [name for name in session.inputs if name.startswith(PAST)]
    outputs = [*session.outputs, *(first.outputs if first is not None else ())]
    present = {name for name in outputs if name.startswith(PRESENT)}
    if not past or "logits" not in session.outputs:
        raise BundleError(
            f"{session.path} is no decoder with a KV cache: its inputs are "
            f"{', '.join(session.inputs[:4])}, … and its outputs {', '.join(session.outputs[:3])}"
        )
    known = {name.replace(PAST, PRESENT) for name in past}
    missing = sorted(name.replace(PRESENT, PAST) for name in present - known)
    if missing:
        raise BundleError(f"{session.path} has no input {missing[0]!r} for its output")
    return [name for name in past if name.replace(PAST, PRESENT) in present]


class SharedCache:
    """One buffer of ``max_length`` tokens for each name, which is past and present at once."""

    def __init__(self, session: Session, names: Sequence[str], max_length: int) -> None:
        self._buffers = {
            name: Buffer(_empty(session, name, batch=1, length=max_length)) for name in names
        }

    def clear(self, batch: int) -> None:
        """Nothing: what is beyond the length is never read."""
        if batch != 1:
            raise AssertionError("a shared cache holds one sequence")

    def bind(self, binding: Binding, session: Session) -> None:  # noqa: ARG002 - always the same
        """Bind past and present to the same memory."""
        for name, buffer in self._buffers.items():
            binding.feed(name, buffer)
            binding.fetch(name.replace(PAST, PRESENT), buffer)

    def take(self, outputs: Mapping[str, Buffer]) -> None:
        """Nothing: a run writes in place."""

    def rewind(self, length: int) -> None:
        """Nothing: the next run is told where to write."""

    def reorder(self, rows: Sequence[int]) -> None:
        """Nothing: there is one row."""

    @property
    def size_bytes(self) -> int:
        """Bytes of the buffers."""
        return sum(buffer.array().nbytes for buffer in self._buffers.values())


class GrowingCache:
    """Each run makes new, longer buffers; the encoder's side stays as the first made it."""

    def __init__(self, session: Session, names: Sequence[str]) -> None:
        self._session = session
        self._names = names
        self._buffers: dict[str, Buffer] = {}
        self._first = True

    def clear(self, batch: int) -> None:
        """Begin with buffers of no tokens."""
        self._buffers = {
            name: Buffer(_empty(self._session, name, batch, 0)) for name in self._names
        }
        self._first = True

    def bind(self, binding: Binding, session: Session) -> None:
        """Bind the past that the graph takes; the present is new memory."""
        for name, buffer in self._buffers.items():
            if name in session.inputs:
                binding.feed(name, buffer)
            if name.replace(PAST, PRESENT) in session.outputs:
                binding.fetch(name.replace(PAST, PRESENT))

    def take(self, outputs: Mapping[str, Buffer]) -> None:
        """Keep the present as the past of the next run."""
        for name in self._names:
            made = outputs.get(name.replace(PAST, PRESENT))
            if made is not None and (self._first or _CROSS not in name):
                self._buffers[name] = made
        self._first = False

    def rewind(self, length: int) -> None:
        """Copy the first ``length`` tokens."""
        for name in self._names:
            if _CROSS not in name:
                self._buffers[name] = _copy(self._buffers[name].array()[:, :, :length])

    def reorder(self, rows: Sequence[int]) -> None:
        """Copy the rows that go on; those of the encoder's side are all alike."""
        if list(rows) == list(range(len(rows))):
            return
        for name in self._names:
            if _CROSS not in name:
                self._buffers[name] = _copy(self._buffers[name].array()[np.asarray(rows)])

    @property
    def size_bytes(self) -> int:
        """Bytes of the buffers now."""
        return sum(buffer.array().nbytes for buffer in self._buffers.values())


def _copy(part: Array) -> Buffer:
    return Buffer(np.ascontiguousarray(part))


def _empty(session: Session, name: str, batch: int, length: int) -> Array:
    shape = session.input_shape(name)
    if len(shape) != 4:  # noqa: PLR2004 - batch, heads, tokens, width
        raise BundleError(
            f"{session.path}: {name} has {len(shape)} axes, not batch, heads, tokens, width"
        )
    heads, width = shape[1], shape[3]
    if not isinstance(heads, int) or not isinstance(width, int):
        raise BundleError(f"{session.path}: the shape of {name} is not fixed")
    dtype: npt.DTypeLike = session.input_dtype(name)
    return np.zeros((batch, heads, length, width), dtype=dtype)
