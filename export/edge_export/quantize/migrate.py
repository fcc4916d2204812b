"""Activations made easy to quantize: scales moved into the norms, outlier channels set apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from edge_export.graphs.index import GraphIndex
from edge_export.quantize.linears import Linear
from edge_export.quantize.ranges import Range
from edge_runtime.inference.decoder import STATES
from edge_runtime.inference.kv_cache import PRESENT

Floats = npt.NDArray[np.float32]

# position of the weight, and of the bias, among the inputs of a norm
_NORMS = {
    "LayerNormalization": (1, 2),
    "SimplifiedLayerNormalization": (1, None),
    "SkipSimplifiedLayerNormalization": (2, None),
    "RMSNormalization": (1, None),
}
_MARGIN = 1.1  # ranges seen on a few texts are too narrow for the next one
_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)  # of the widest range, as a range to clip to
_COUNTS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
_STRENGTH = 0.5  # of the migration: 0 leaves the activations, 1 makes them all alike
_LEVELS = 255
_MOST_OUTLIERS = 32
_ENOUGH = 0.01  # error of the activations, relative; that of 8-bit weights is a little less


@dataclass(frozen=True)
class Activation:
    """How one product's input becomes uint8: ``scale``, ``zero_point``, channels kept in fp32."""

    scale: float
    zero_point: int
    outliers: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Migration:
    """Factors by which a norm's channels are divided and the rows of its products multiplied."""

    norm: str
    inputs: tuple[str, ...]
    factors: npt.NDArray[np.float64]


def find_migrations(
    index: GraphIndex, linears: Sequence[Linear], ranges: Mapping[str, Range]
) -> dict[str, Migration]:
    """Return, by the name of the value that a norm makes, what to move (SmoothQuant, Xiao 2022).

    Only where all that reads the norm's output are products of ``linears``.
    """
    by_input: dict[str, list[Linear]] = {}
    for linear in linears:
        by_input.setdefault(linear.input, []).append(linear)
    found = {}
    for value, readers in by_input.items():
        norm = index.makers.get(value)
        if norm is None or norm.op_type not in _NORMS or norm.output[0] != value:
            continue
        places = [p for p in _NORMS[norm.op_type] if p is not None and p < len(norm.input)]
        if any(norm.input[place] not in index.weights for place in places):
            continue
        nodes = {name for linear in readers for name in linear.nodes}
        others = [user.name for user in index.users[value] if user.name not in nodes]
        if others or _is_promised(index, value) or any(linear.tied for linear in readers):
            continue
        kernels = [_kernel(index, linear) for linear in readers]
        weight = np.max([np.abs(kernel).max(axis=1) for kernel in kernels], axis=0)
        factors = np.maximum(ranges[value].largest, 1e-6) ** _STRENGTH
        factors /= np.maximum(weight, 1e-6) ** (1 - _STRENGTH)
        factors /= np.exp(np.log(factors).mean())
        inputs = tuple(linear.name for linear in readers)
        found[value] = Migration(norm.name, inputs, factors)
    return found


def divide_norm(index: GraphIndex, migration: Migration) -> dict[str, tuple[str, Floats]]:
    """Return the norm's new weights: old name -> (new name, value)."""
    node = next(n for n in index.model.graph.node if n.name == migration.norm)
    made = {}
    for position in _NORMS[node.op_type]:
        if position is None or position >= len(node.input):
            continue
        name = node.input[position]
        value = np.asarray(index.array(name), dtype=np.float64) / migration.factors
        made[name] = (f"{name}.migrated", value.astype(np.float32))
    return made


def set_apart(seen: Range, kernel: Floats) -> Activation:
    """Choose the channels to keep in fp32, and scale and zero point for the others.

    As few channels as it takes for the error to be small, relative to the product: that of rounding
    (step / sqrt(12)) and of clipping what lies past the range, weighed by the rows of ``kernel
    [in, out]``. The range is the one with the least error on what was seen, and a margin.
    """
    order = np.argsort(-seen.largest, kind="stable")
    power = (kernel.astype(np.float64) ** 2).sum(axis=1)
    most = min(_MOST_OUTLIERS, len(order) // 8)
    tried: list[tuple[float, int, float, float]] = []
    for count in _COUNTS:
        if count > most:
            break
        kept = order[count:]
        error, low, high = _best_range(seen, kept, power)
        tried.append((error, count, low, high))
        if tried[-1][0] <= _ENOUGH:
            break
    least = min(error for error, *_ in tried)
    _, count, low, high = next(each for each in tried if each[0] <= max(_ENOUGH, 1.1 * least))
    low, high = low * _MARGIN, high * _MARGIN
    scale = max(high - low, 1e-9) / _LEVELS
    return Activation(scale, round(-low / scale), np.sort(order[:count]))


def _best_range(
    seen: Range, kept: npt.NDArray[np.int64], power: npt.NDArray[np.float64]
) -> tuple[float, float, float]:
    """Return the least error of the product, relative to it, and the range that gives it."""
    low, high = min(0.0, float(seen.low[kept].min())), max(0.0, float(seen.high[kept].max()))
    signal = float((seen.rms**2 * power).sum()) or 1.0
    rows, weight = seen.rows[:, kept].astype(np.float64), power[kept]
    best = (np.inf, low, high)
    for share in _SHARES:
        step = max(share * (high - low) * _MARGIN, 1e-12) / _LEVELS
        past = np.maximum(rows - share * high * _MARGIN, 0) + np.maximum(
            share * low * _MARGIN - rows, 0
        )
        error = float(((past**2).mean(axis=0) + step**2 / 12) @ weight)
        best = min(best, (float(np.sqrt(error / signal)), share * low, share * high))
    return best


def _is_promised(index: GraphIndex, value: str) -> bool:
    """Whether others rely on a value as it is; a decoder's states are in a basis of its own."""
    is_decoder = any(name.startswith(PRESENT) for name in index.outputs)
    return value in index.outputs and not (is_decoder and value == STATES)


def _kernel(index: GraphIndex, linear: Linear) -> Floats:
    array = np.asarray(index.array(linear.weight), dtype=np.float32)
    return array.T if linear.transposed else array


def rename_inputs(node: onnx.NodeProto, names: Mapping[str, str]) -> None:
    """Let a node read other values."""
    for position, name in enumerate(node.input):
        if name in names:
            node.input[position] = names[name]
