"""Micro-batches of requests that wait: texts that come next are read together."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from edge_runtime.bundles.onnx_file import read_onnx
from edge_runtime.bundles.store import Bundle
from edge_runtime.inference.resources import Resources
from edge_runtime.tasks.encoder import Encoder, Encoding


class ExpectingEncoder(Encoder):
    """An encoder that may be told which texts come next; threads may share it.

    They are read in micro-batches where no result depends on its neighbours. A graph whose
    activations are quantized dynamically reads each text when it is asked for, by itself.
    """

    def __init__(self, bundle: Bundle, resources: Resources | None = None) -> None:
        super().__init__(bundle, resources)
        self._known: dict[str, Encoding] = {}
        self._batches: bool | None = None

    def expect(self, texts: Sequence[str], heads: Collection[str] | None = None) -> None:
        """Read texts that come next, with the outputs of these heads, None for all.

        Raises:
            BadRequestError: one of them cannot be read; then none is.
            BundleError: the graph fails, or gives what is not a number.
        """
        self._known.clear()
        if len(texts) > 1 and self._are_independent():
            self._known.update(zip(texts, super().encode(texts, heads), strict=True))

    def encode(self, texts: Sequence[str], heads: Collection[str] | None = None) -> list[Encoding]:
        """Return what is known of a text already, else read it."""
        if len(texts) == 1 and (known := self._known.get(texts[0])) is not None:
            wanted = self.bundle.manifest.heads if heads is None else heads
            if set(wanted) <= known.outputs.keys():
                return [known]
        return super().encode(texts, heads)

    def _are_independent(self) -> bool:
        """Whether no result depends on its neighbours; looked up when it first matters."""
        if self._batches is None:
            graph = read_onnx(self.bundle.path / self.bundle.manifest.graph.file)
            self._batches = graph.reads_independently
        return self._batches
