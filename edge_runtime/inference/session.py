"""The only import of onnxruntime: a graph file in, named arrays out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from edge_runtime.errors import BundleError

Array = npt.NDArray[np.generic]
Optimization = Literal["basic", "all"]

_LEVELS = {
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
# ONNX Runtime's CPU kernel for it is about nine times slower than Add + LayerNormalization.
_SLOW_FUSIONS = ["SkipLayerNormFusion", "EmbedLayerNormFusion"]


class Session:
    """An ONNX Runtime session on the CPU provider.

    ``threads`` is the size of the intra-op pool; one, or spinning off, keeps a board cool.

    Raises:
        BundleError: the graph cannot be loaded; the message names the file.
    """

    def __init__(self, path: Path, *, optimization: Optimization = "all", threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.graph_optimization_level = _LEVELS[optimization]
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(
                os.fspath(path),
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=_SLOW_FUSIONS if optimization == "all" else None,
            )
        except Exception as exc:  # onnxruntime raises many unrelated classes
            raise BundleError(f"{path} cannot be loaded: {_first_line(exc)}") from exc
        self.inputs: list[str] = [node.name for node in self._session.get_inputs()]
        self.outputs: list[str] = [node.name for node in self._session.get_outputs()]
        self._path = path

    def run(
        self, feeds: Mapping[str, Array], outputs: Sequence[str] | None = None
    ) -> dict[str, Array]:
        """Run once; inputs that the graph does not have are left out.

        Raises:
            BundleError: an input is missing, or the graph fails.
        """
        names = list(outputs or self.outputs)
        try:
            taken = {name: feeds[name] for name in self.inputs}
        except KeyError as exc:
            raise BundleError(
                f"{self._path} wants an input {exc.args[0]!r} that this task does not give"
            ) from exc
        try:
            values = self._session.run(names, taken)
        except Exception as exc:
            raise BundleError(f"{self._path} failed: {_first_line(exc)}") from exc
        return dict(zip(names, values, strict=True))


def runtime_version() -> str:
    """Return the version of ONNX Runtime."""
    return str(ort.__version__)


def _first_line(exc: Exception) -> str:
    return str(exc).strip().split("\n", 1)[0]
