"""The only import of onnxruntime: a graph file in, named arrays out."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from edge_runtime.errors import BundleError
from edge_runtime.inference.memory import on_huge_pages
from edge_runtime.inference.resources import Resources

Array = npt.NDArray[np.generic]
Optimization = Literal["basic", "all"]

_LEVELS = {
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
# ONNX Runtime's CPU kernel for it is about nine times slower than Add + LayerNormalization.
_SLOW_FUSIONS = ["SkipLayerNormFusion", "EmbedLayerNormFusion"]
_SPIN_US = "2000"  # longer than the gap between two tokens
_DTYPES: dict[str, npt.DTypeLike] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


class Session:
    """An ONNX Runtime session on the CPU provider.

    The first session with several shared threads makes the process's one pool, which all later ones
    use, whatever their threads. Until then each has threads of its own.

    Raises:
        BundleError: the graph cannot be loaded; the message names the file.
    """

    def __init__(
        self,
        path: Path,
        *,
        optimization: Optimization = "all",
        resources: Resources | None = None,
    ) -> None:
        resources = resources or Resources()
        options = ort.SessionOptions()
        options.graph_optimization_level = _LEVELS[optimization]
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = resources.arena
        _stay_on(resources.cores)
        _POOL.give(options, resources)
        pages = on_huge_pages() if resources.huge_pages else contextlib.nullcontext()
        try:
            with pages:
                self._session = ort.InferenceSession(
                    os.fspath(path),
                    options,
                    providers=["CPUExecutionProvider"],
                    disabled_optimizers=_SLOW_FUSIONS if optimization == "all" else None,
                )
        except Exception as exc:  # onnxruntime raises many unrelated classes
            raise BundleError(f"{path} cannot be loaded: {_first_line(exc)}") from exc
        self._shapes = {node.name: list(node.shape) for node in self._session.get_inputs()}
        self._types = {node.name: str(node.type) for node in self._session.get_inputs()}
        self.inputs: list[str] = list(self._shapes)
        self.outputs: list[str] = [node.name for node in self._session.get_outputs()]
        self.path = path

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
                f"{self.path} wants an input {exc.args[0]!r} that this task does not give"
            ) from exc
        try:
            values = self._session.run(names, taken)
        except Exception as exc:
            raise BundleError(f"{self.path} failed: {_first_line(exc)}") from exc
        return dict(zip(names, values, strict=True))

    def input_shape(self, name: str) -> list[int | str | None]:
        """Return the shape of an input; what is not fixed is a name, or None.

        Raises:
            BundleError: the graph has no such input.
        """
        if name not in self._shapes:
            raise BundleError(f"{self.path} has no input {name!r}")
        return self._shapes[name]

    def input_dtype(self, name: str) -> npt.DTypeLike:
        """Return the dtype of an input.

        Raises:
            BundleError: the graph has no such input, or it is of a type that is not known here.
        """
        kind = self._types.get(name, "missing")
        if kind not in _DTYPES:
            raise BundleError(f"{self.path}: input {name!r} is {kind}, which is not supported")
        return _DTYPES[kind]

    def output_shape(self, name: str) -> list[int | str | None]:
        """Return the shape of an output; what is not fixed is a name, or None.

        Raises:
            BundleError: the graph has no such output.
        """
        for node in self._session.get_outputs():
            if node.name == name:
                return list(node.shape)
        raise BundleError(f"{self.path} has no output {name!r}")

    def binding(self) -> Binding:
        """Return a binding, which keeps inputs and outputs in place from run to run."""
        return Binding(self._session, self.path)


class Buffer:
    """Memory that a graph reads and writes in place; it may be that of an array, not a copy."""

    def __init__(self, value: Array | ort.OrtValue) -> None:
        if isinstance(value, np.ndarray):
            value = ort.OrtValue.ortvalue_from_numpy(value)
        self._value = value

    def array(self) -> Array:
        """Return the content as an array."""
        return np.asarray(self._value.numpy())


class Binding:
    """Inputs and outputs of a session by name, bound once and used for many runs."""

    def __init__(self, session: ort.InferenceSession, path: Path) -> None:
        self._session = session
        self._binding = session.io_binding()
        self._path = path
        self._outputs: list[str] = []

    def feed(self, name: str, value: Array | Buffer) -> None:
        """Bind an input; an array's memory is read at every run, so it may be written between."""
        if isinstance(value, Buffer):
            self._binding.bind_ortvalue_input(name, value._value)  # noqa: SLF001 - one module
        else:
            self._binding.bind_cpu_input(name, value)

    def fetch(self, name: str, into: Buffer | None = None) -> None:
        """Bind an output: to a buffer, or to new memory for the next run and those like it.

        An output whose shape changes has to be fetched again before the run.
        """
        if into is None:
            self._binding.bind_output(name)
        else:
            self._binding.bind_ortvalue_output(name, into._value)  # noqa: SLF001 - one module
        if name not in self._outputs:
            self._outputs.append(name)

    def run(self) -> None:
        """Run once.

        Raises:
            BundleError: the graph fails.
        """
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as exc:
            raise BundleError(f"{self._path} failed: {_first_line(exc)}") from exc

    def outputs(self) -> dict[str, Buffer]:
        """Return all bound outputs of the last run."""
        values = self._binding.get_outputs()
        return {n: Buffer(value) for n, value in zip(self._outputs, values, strict=True)}


def runtime_version() -> str:
    """Return the version of ONNX Runtime."""
    return str(ort.__version__)


class _Pool:
    """The threads of this process, of which there is one pool; made for the first who wants it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exists = False

    def give(self, options: ort.SessionOptions, resources: Resources) -> None:
        """Let a session use it, or compute with threads of its own as long as there is none."""
        with self._lock:
            if not self._exists and resources.shared and resources.threads > 1:
                ort.set_global_thread_pool_sizes(resources.threads, 1)
                self._exists = True
            if self._exists:  # ONNX Runtime then refuses sessions with threads of their own
                options.use_per_session_threads = False
                return
        options.intra_op_num_threads = resources.threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", str(int(resources.spinning))
        )
        options.add_session_config_entry("session.intra_op.spin_duration_us", _SPIN_US)


_POOL = _Pool()


def _stay_on(cores: Sequence[int]) -> None:
    if cores:
        # a board may have fewer than its profile says
        with contextlib.suppress(OSError, AttributeError):
            os.sched_setaffinity(0, cores)


def _first_line(exc: Exception) -> str:
    return str(exc).strip().split("\n", 1)[0]
