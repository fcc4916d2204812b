"""A decoder graph with its KV cache: token ids in, logits out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BadRequestError, BundleError
from edge_runtime.inference.session import Binding, Buffer, Session

Floats = npt.NDArray[np.float32]

_PAST, _PRESENT = "past_key_values.", "present."
_KEEP = "num_logits_to_keep"


class Decoder:
    """Runs one sequence; what it has read stays in the cache until ``reset``.

    ``kv_cache`` is the graph's: with ``shared`` all steps read and write the same buffers, which
    are ``max_length`` tokens long; with ``growing`` each step makes new ones.

    Raises:
        BundleError: the graph has no cache.
    """

    def __init__(
        self, session: Session, kv_cache: Literal["none", "shared", "growing"], max_length: int
    ) -> None:
        self._session = session
        self._max_length = max_length
        self._shared = kv_cache == "shared"
        present = {name for name in session.outputs if name.startswith(_PRESENT)}
        self._past = [
            name
            for name in session.inputs
            if name.startswith(_PAST) and name.replace(_PAST, _PRESENT) in present
        ]
        if not self._past or "logits" not in session.outputs:
            raise BundleError(
                f"{session.path} is no decoder with a KV cache: it has the inputs "
                f"{', '.join(session.inputs[:4])}, …"
            )
        self._given: Mapping[str, Buffer] = {}
        self._cache: dict[str, Buffer] = {}
        self._binding: Binding = session.binding()
        self.length = 0
        self.reset()

    def reset(self, given: Mapping[str, Buffer] | None = None) -> None:
        """Forget the sequence; ``given`` are inputs that stay the same for the next one."""
        if given is not None:
            self._given = given
        self.length = 0
        if not self._shared:
            self._cache = {name: self._buffer(name, 0) for name in self._past}
        elif not self._cache:
            self._cache = {name: self._buffer(name, self._max_length) for name in self._past}
            self._binding = self._session.binding()
            self._bind()

    def forward(self, ids: Sequence[int], keep: int = 1) -> Floats:
        """Read more tokens; return the logits ``[keep, vocabulary]`` of the last ones.

        Raises:
            BadRequestError: the sequence would be longer than the model can read.
            BundleError: the graph fails.
        """
        total = self.length + len(ids)
        if total > self._max_length:
            raise BadRequestError(
                f"the text has {total} tokens or more; the model reads {self._max_length}"
            )
        if not self._shared:
            self._binding = self._session.binding()
            self._bind()
        for name, value in self._feeds(ids, keep).items():
            if name in self._session.inputs:
                self._binding.feed(name, value)
        self._binding.fetch("logits")
        outputs = self._binding.run()
        if not self._shared:
            self._cache = {name: outputs[name.replace(_PAST, _PRESENT)] for name in self._past}
        self.length = total
        logits = outputs["logits"].array()[0][-keep:]
        return np.asarray(logits, dtype=np.float32)

    def _feeds(self, ids: Sequence[int], keep: int) -> dict[str, npt.NDArray[np.int64]]:
        total = self.length + len(ids)
        return {
            "input_ids": np.array([ids], dtype=np.int64),
            "attention_mask": np.ones((1, total), dtype=np.int64),
            "position_ids": np.arange(self.length, total, dtype=np.int64)[None],
            _KEEP: np.array(keep, dtype=np.int64),
        }

    def _bind(self) -> None:
        for name, buffer in {**self._given, **self._cache}.items():
            self._binding.feed(name, buffer)
        for name in self._past:
            into = self._cache[name] if self._shared else None
            self._binding.fetch(name.replace(_PAST, _PRESENT), into)

    def _buffer(self, name: str, length: int) -> Buffer:
        _, heads, _, width = self._session.input_shape(name)
        if not isinstance(heads, int) or not isinstance(width, int):
            raise BundleError(f"{self._session.path}: the shape of {name} is not fixed")
        return Buffer(np.zeros((1, heads, length, width), dtype=np.float32))
