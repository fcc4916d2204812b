"""What the inputs of the products look like, seen by running the fp32 graph on texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from tqdm import tqdm

from edge_export.graphs.external import copy_variant
from edge_export.graphs.index import GraphIndex
from edge_export.quantize.linears import Linear
from edge_runtime.errors import BundleError
from edge_runtime.inference.session import Session

_ROWS = 256  # kept of each input, spread over the texts

Floats = npt.NDArray[np.float64]
Feeds = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class Range:
    """Per channel, ``[in]``: smallest, largest and root mean square value that was seen.

    ``rows`` ``[rows, in]`` fp32 are some of what was seen.
    """

    low: Floats
    high: Floats
    rms: Floats
    rows: npt.NDArray[np.float32]

    @property
    def largest(self) -> Floats:
        """Largest magnitude of each channel."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    def scaled(self, factors: Floats) -> Range:
        """Return the ranges after a division of the channels by positive factors."""
        rows = (self.rows / factors).astype(np.float32)
        return Range(self.low / factors, self.high / factors, self.rms / factors, rows)


def observe(
    path: Path, index: GraphIndex, linears: Sequence[Linear], feeds: Iterable[Feeds]
) -> dict[str, Range]:
    """Run the graph at ``path`` on every feed; return the range of each product's input, by name.

    Raises:
        BundleError: the graph fails, a value is not finite, or there was nothing to run.
    """
    wanted = sorted({linear.input for linear in linears})
    model = onnx.ModelProto()
    model.CopyFrom(index.model)
    known = {value.name for value in (*model.graph.output, *model.graph.input)}
    model.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in wanted if name not in known
    )
    session = Session(copy_variant(path, model, "observed.onnx"), optimization="basic")
    seen: dict[str, Range] = {}
    squares: dict[str, Floats] = {}
    counts = dict.fromkeys(wanted, 0)
    kept: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in wanted}
    texts = list(feeds)
    for feed in tqdm(texts, desc="calibrate", unit="text"):
        for name, value in session.run(feed, wanted).items():
            flat = value.reshape(-1, value.shape[-1]).astype(np.float64)
            if not np.isfinite(flat).all():
                raise BundleError(f"{path}: a value is not finite (NaN or infinity): {name}")
            if not len(flat):
                continue
            low, high = flat.min(axis=0), flat.max(axis=0)
            if name in seen:
                low = np.minimum(low, seen[name].low)
                high = np.maximum(high, seen[name].high)
            squares[name] = squares.get(name, 0.0) + (flat**2).sum(axis=0)
            counts[name] += len(flat)
            step = max(1, len(flat) * len(texts) // _ROWS)
            kept[name].append(flat[::step].astype(np.float32))
            rms = np.sqrt(squares[name] / counts[name])
            seen[name] = Range(low, high, rms, kept[name][-1])
    if missing := [name for name in wanted if name not in seen]:
        raise BundleError(f"{path}: the calibration texts do not reach {missing[0]}")
    return {
        name: dataclasses.replace(each, rows=np.concatenate(kept[name]))
        for name, each in seen.items()
    }
