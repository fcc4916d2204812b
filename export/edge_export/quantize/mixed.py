"""Mixed precision: the layers that int8 hurts most, found by measurement, stay finer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from tqdm import tqdm

from edge_export.quantize.model import Quantizer
from edge_export.quantize.rewrite import Precision
from edge_runtime.bundles.store import Bundle

_MOST = 0.5  # share of the layers that may stay finer: past that the form is not what was asked

# what a layer that is too sensitive falls back to
FINER: dict[Precision, Precision] = {
    "int4-weight-only": "int8-weight-only",
    "int8-weight-only": "fp32",
    "int8-dynamic": "fp32",
    "int8-static": "fp32",
}


class Sensitivity(msgspec.Struct, frozen=True):
    """Relative error of the outputs when this layer alone is quantized."""

    layer: str
    error: float


@dataclass(frozen=True)
class Mixed:
    """The precision of each layer, and what the whole costs with it."""

    precisions: dict[str, Precision]
    finer: list[str]
    drop: float


def rank(
    quantizer: Quantizer,
    precisions: Mapping[str, Precision],
    error_of: Callable[[Bundle], float],
) -> list[Sensitivity]:
    """Return every layer with what ``error_of`` says of the model in which it alone is quantized.

    The most sensitive stands first.

    Raises:
        BundleError: a graph fails.
    """
    found = [
        Sensitivity(name, error_of(quantizer.write_variant(name, precision)))
        for name, precision in tqdm(precisions.items(), desc="sensitivity", unit="layer")
    ]
    return sorted(found, key=lambda each: (-each.error, each.layer))


def search(
    ranked: Sequence[Sensitivity],
    precisions: Mapping[str, Precision],
    drop_of: Callable[[dict[str, Precision]], float],
    most_drop: float,
) -> Mixed:
    """Leave as few layers of a choice finer as it takes, at most half; return the best one.

    ``drop_of`` writes a choice and measures what it costs. Counts are doubled until one is good
    enough, then halved back towards the last that was not.
    """
    most = max(1, int(len(ranked) * _MOST))

    def tried(count: int) -> Mixed:
        finer = [each.layer for each in ranked[:count]]
        chosen = {**precisions, **{name: FINER[precisions[name]] for name in finer}}
        return Mixed(chosen, finer, drop_of(chosen))

    count, failed = 1, 0
    best = tried(count)
    while best.drop > most_drop and count < most:
        failed, count = count, min(2 * count, most)
        best = min(best, tried(count), key=lambda each: each.drop)
    if best.drop > most_drop:
        return best
    while count - failed > 1:
        middle = (count + failed) // 2
        candidate = tried(middle)
        if candidate.drop <= most_drop:
            best, count = candidate, middle
        else:
            failed = middle
    return best
