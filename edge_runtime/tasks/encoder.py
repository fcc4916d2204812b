"""One forward pass of an encoder bundle: texts in, the outputs of its heads out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge_runtime.bundles.manifest import Head
from edge_runtime.bundles.store import Bundle
from edge_runtime.inference.memory import check_memory
from edge_runtime.inference.resources import Resources
from edge_runtime.inference.session import Array, Session
from edge_runtime.inference.tokenizer import Tokenizer, Window
from edge_runtime.tasks.pooling import pooled, unit
from edge_runtime.tasks.signature import (
    INPUTS,
    check_numbers,
    check_output,
    check_signature,
    outputs_of,
)

Floats = npt.NDArray[np.float32]

_BATCH_TOKENS = 512  # micro-batches of about this size have the best throughput


@dataclass(frozen=True)
class Encoding:
    """What the encoder says about one text, window by window.

    ``outputs[head]`` has one array for each window: logits ``[labels]`` for classification,
    ``[tokens, labels]`` for tagging, a vector ``[hidden]`` for an embedding, start and end logits
    ``[tokens, 2]`` for a span.
    """

    text: str
    windows: list[Window]
    outputs: dict[str, list[Floats]]

    def mean(self, head: str) -> Floats:
        """Return the output of a head over the whole text, windows weighted by their tokens."""
        outputs = self.outputs[head]
        if len(outputs) == 1:
            return outputs[0]
        weights = [len(window.ids) for window in self.windows]
        return np.average(outputs, axis=0, weights=weights).astype(np.float32)

    def highest(self, head: str) -> Floats:
        """Return the highest output of a head over all windows, place by place."""
        return np.asarray(np.max(self.outputs[head], axis=0), dtype=np.float32)


class Encoder:
    """The session and tokenizer of an encoder bundle; threads may share it.

    Raises:
        BundleError: a file is missing or broken, or the graph is not what the manifest says.
    """

    def __init__(self, bundle: Bundle, resources: Resources | None = None) -> None:
        manifest = bundle.manifest
        resources = resources or Resources()
        check_memory(bundle, resources.memory_mb)
        self.bundle = bundle
        self._session = Session(
            bundle.path / manifest.graph.file,
            optimization=manifest.graph.optimization,
            # a few MB gain nothing from huge pages, and take longer to load
            resources=replace(resources, huge_pages=False),
        )
        check_signature(self._session, manifest.heads)
        self._dtypes = {name: self._session.input_dtype(name) for name in self._session.inputs}
        self.tokenizer = Tokenizer(
            bundle.path / "tokenizer.json",
            max_length=manifest.max_length,
            token_types=manifest.graph.token_types,
        )

    def encode(self, texts: Sequence[str], heads: Collection[str] | None = None) -> list[Encoding]:
        """Return one encoding per text, in order, with the outputs of these heads; None for all.

        Raises:
            BadRequestError: a text cannot be read; see ``Tokenizer.windows``.
            BundleError: the graph fails, or gives what is not a number.
        """
        windows = self.tokenizer.windows(texts)
        outputs = self.run(windows, heads)
        encodings = [
            Encoding(text, [], {name: [] for name in self._named(heads)}) for text in texts
        ]
        for window, values in zip(windows, outputs, strict=True):
            encoding = encodings[window.text_index]
            encoding.windows.append(window)
            for name, value in values.items():
                encoding.outputs[name].append(value)
        return encodings

    def run(
        self, windows: Sequence[Window], heads: Collection[str] | None = None
    ) -> list[dict[str, Floats]]:
        """Return the outputs of these heads, None for all, for each window, in micro-batches.

        Raises:
            BundleError: the graph fails, or gives what is not a number.
        """
        named = self._named(heads)
        if len(windows) == 1:
            return self._together(windows, named)
        outputs: list[dict[str, Floats]] = [{} for _ in windows]
        for batch in _batches(windows, padded="attention_mask" in self._dtypes):
            found = self._together([windows[i] for i in batch], named)
            for index, values in zip(batch, found, strict=True):
                outputs[index] = values
        return outputs

    def _named(self, heads: Collection[str] | None) -> dict[str, Head]:
        every = self.bundle.manifest.heads
        return every if heads is None else {name: every[name] for name in heads}

    def _together(
        self, windows: Sequence[Window], heads: dict[str, Head]
    ) -> list[dict[str, Floats]]:
        """Return the outputs of one micro-batch."""
        feeds = _feeds(windows, self.tokenizer.pad_id)
        texts, tokens = feeds["input_ids"].shape
        path = self._session.path
        values = self._session.run(
            {name: feeds[name].astype(kind, copy=False) for name, kind in self._dtypes.items()},
            [output for head in heads.values() for output in outputs_of(head)],
        )
        outputs: list[dict[str, Floats]] = [{} for _ in windows]
        for name, head in heads.items():
            of_head = [values[output] for output in outputs_of(head)]
            for output, value in zip(outputs_of(head), of_head, strict=True):
                check_output(path, name, head, output, value, (texts, tokens))
            for row, window in enumerate(windows):
                found = _of_window(head, [value[row] for value in of_head], len(window.ids))
                check_numbers(path, name, head, found)
                outputs[row][name] = found if head.pooling == "none" else unit(found)
        return outputs


def _feeds(windows: Sequence[Window], pad_id: int) -> dict[str, npt.NDArray[np.int64]]:
    if len(windows) == 1:
        ids, types = windows[0].ids[None], windows[0].type_ids[None]
        return dict(zip(INPUTS, (ids, np.ones_like(ids), types), strict=True))
    width = max(len(window.ids) for window in windows)
    ids = np.full((len(windows), width), pad_id, dtype=np.int64)
    types = np.zeros_like(ids)
    mask = np.zeros_like(ids)
    for row, window in enumerate(windows):
        length = len(window.ids)
        ids[row, :length] = window.ids
        types[row, :length] = window.type_ids
        mask[row, :length] = 1
    return dict(zip(INPUTS, (ids, mask, types), strict=True))


def _of_window(head: Head, values: list[Array], length: int) -> Floats:
    array = values[0].astype(np.float32, copy=False)
    if head.type == "span":
        return np.stack([value[:length] for value in values], axis=-1).astype(np.float32)
    if head.type == "tagging":
        return array[:length]
    if head.type == "embedding" and array.ndim > 1:
        return pooled(array[:length], head.pooling)
    return array


def _batches(windows: Sequence[Window], *, padded: bool) -> Iterator[list[int]]:
    """Yield indices of windows of similar length, about ``_BATCH_TOKENS`` padded tokens each.

    Without padding, which a graph without a mask would read as text, they are of the same length.
    """
    batch: list[int] = []
    for index in sorted(range(len(windows)), key=lambda i: len(windows[i].ids)):
        length = len(windows[index].ids)
        other = bool(batch) and not padded and length != len(windows[batch[0]].ids)
        if other or (batch and (len(batch) + 1) * length > _BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
