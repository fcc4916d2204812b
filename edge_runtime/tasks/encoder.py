"""One forward pass of an encoder bundle: texts in, the outputs of every head out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.bundles.manifest import Head
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BundleError
from edge_runtime.inference.session import Session
from edge_runtime.inference.tokenizer import Tokenizer, Window

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
        weights = [len(window.ids) for window in self.windows]
        return np.average(self.outputs[head], axis=0, weights=weights).astype(np.float32)


class Encoder:
    """The session and tokenizer of an encoder bundle.

    Raises:
        BundleError: a file is missing or broken, or the graph lacks an output of the manifest.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        manifest = bundle.manifest
        self.bundle = bundle
        self._session = Session(
            bundle.path / manifest.graph.file,
            optimization=manifest.graph.optimization,
            threads=threads,
        )
        self.tokenizer = Tokenizer(
            bundle.path / "tokenizer.json",
            max_length=manifest.max_length,
            token_types=manifest.graph.token_types,
        )
        for name, head in manifest.heads.items():
            for output in outputs_of(head):
                if output not in self._session.outputs:
                    raise BundleError(
                        f"{bundle.path / manifest.graph.file} has no output {output!r}, which "
                        f"the manifest names for head {name!r}"
                    )

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Return one encoding per text, in order."""
        windows = self.tokenizer.windows(texts)
        encodings = [Encoding(text, [], {h: [] for h in self._heads}) for text in texts]
        outputs: list[dict[str, Floats]] = [{} for _ in windows]
        for batch in _batches(windows):
            for index, values in zip(batch, self.run([windows[i] for i in batch]), strict=True):
                outputs[index] = values
        for window, values in zip(windows, outputs, strict=True):
            encoding = encodings[window.text_index]
            encoding.windows.append(window)
            for head, value in values.items():
                encoding.outputs[head].append(value)
        return encodings

    @property
    def _heads(self) -> dict[str, Head]:
        return self.bundle.manifest.heads

    def run(self, windows: list[Window]) -> list[dict[str, Floats]]:
        """Return the outputs of every head for windows that go through the graph together."""
        width = max(len(window.ids) for window in windows)
        ids = np.full((len(windows), width), self.tokenizer.pad_id, dtype=np.int64)
        types = np.zeros_like(ids)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            length = len(window.ids)
            ids[row, :length] = window.ids
            types[row, :length] = window.type_ids
            mask[row, :length] = 1
        values = self._session.run(
            {"input_ids": ids, "attention_mask": mask, "token_type_ids": types},
            [name for head in self._heads.values() for name in outputs_of(head)],
        )
        return [
            {
                name: _of_window(
                    head, [values[output][row] for output in outputs_of(head)], len(window.ids)
                )
                for name, head in self._heads.items()
            }
            for row, window in enumerate(windows)
        ]


def outputs_of(head: Head) -> list[str]:
    """Return the names of a head's outputs: one, or those of start and end for a span."""
    return [head.output, "end_logits"] if head.type == "span" else [head.output]


def _of_window(head: Head, values: list[npt.NDArray[np.generic]], length: int) -> Floats:
    array = values[0].astype(np.float32, copy=False)
    if head.type == "span":
        return np.stack([value[:length] for value in values], axis=-1).astype(np.float32)
    if head.type == "tagging":
        return array[:length]
    if head.pooling != "none" and array.ndim > 1:
        array = array[0] if head.pooling == "cls" else array[:length].mean(axis=0)
        array = array / max(float(np.linalg.norm(array)), 1e-12)
    return array


def _batches(windows: list[Window]) -> Iterator[list[int]]:
    """Yield indices of windows of similar length, about ``_BATCH_TOKENS`` padded tokens each."""
    batch: list[int] = []
    for index in sorted(range(len(windows)), key=lambda i: len(windows[i].ids)):
        if batch and (len(batch) + 1) * len(windows[index].ids) > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
