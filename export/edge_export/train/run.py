"""From recipe and data to a calibrated int8 bundle with its report."""

from __future__ import annotations

import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

import edge_runtime
from edge_export.bundle import write_bundle
from edge_export.calibrate import fit_calibration
from edge_export.train.assemble import write_files
from edge_export.train.evaluation import Judged, evaluate
from edge_export.train.network import Trained, read_split, train_network
from edge_export.train.recipe import Recipe
from edge_runtime.bundles.manifest import Calibration, Manifest
from edge_runtime.bundles.store import Bundle
from edge_runtime.tasks.encoder import Encoder

_TIMED_TEXT = "turn on the light in the kitchen and set it to fifty percent please"
_REPEATS = 50
_PINNED = ("edge-runtime", "numpy", "onnx", "onnxruntime", "tokenizers", "torch", "transformers")


def train_bundle(
    recipe: Recipe, data: Path, output: Path, *, alpha: float, delta: float, force: bool = False
) -> Manifest:
    """Train, quantize, evaluate fp32 and int8 side by side, calibrate int8, write the bundle.

    Raises:
        ConfigError: data or base model are missing, or the output exists.
    """
    started = time.monotonic()
    trained = train_network(recipe, data)
    seconds = time.monotonic() - started
    return build_bundle(
        trained, recipe, data, output, alpha=alpha, delta=delta, force=force, train_s=seconds
    )


def build_bundle(  # noqa: PLR0913 - the settings of one run
    trained: Trained,
    recipe: Recipe,
    data: Path,
    output: Path,
    *,
    alpha: float,
    delta: float,
    force: bool = False,
    train_s: float = 0.0,
) -> Manifest:
    """Do all that follows the training."""
    dev = read_split(recipe, data, split="dev")
    with tempfile.TemporaryDirectory(prefix="edge-export-") as work:
        directories = {name: Path(work) / name for name in ("fp32", "int8")}
        manifest = write_files(trained, recipe, directories["fp32"], "fp32")
        reference = Encoder(Bundle(directories["fp32"], manifest, verified=False))
        fp32, _ = evaluate(reference, recipe, dev, "fp32")
        manifest = write_files(trained, recipe, directories["int8"], "int8")
        encoder = Encoder(Bundle(directories["int8"], manifest, verified=False))
        int8, judged = evaluate(encoder, recipe, dev, "int8")
        report: dict[str, Any] = {
            "train_s": round(train_s),
            "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
            "dev": {name: {"fp32": fp32[name], "int8": int8[name]} for name in int8},
            "size_bytes": {name: _size(path) for name, path in directories.items()},
            "latency_ms": {"fp32": _latency_ms(reference), "int8": _latency_ms(encoder)},
        }
        manifest = msgspec.structs.replace(
            manifest,
            report=report,
            calibration=_calibrate(recipe, judged, alpha=alpha, delta=delta),
            versions={name: _version(name) for name in _PINNED},
        )
        return write_bundle(directories["int8"], manifest, output, force=force)


def _calibrate(
    recipe: Recipe, judged: dict[str, Judged], *, alpha: float, delta: float
) -> dict[str, Calibration]:
    found = {}
    for head, samples in judged.items():
        names = [each.name for each in recipe.sources if each.head == head and each.dev]
        evaluation = f"dev: {' + '.join(names)}"
        found[head] = fit_calibration(samples, alpha=alpha, delta=delta, evaluation=evaluation)
    return found


def _latency_ms(encoder: Encoder) -> float:
    """Return the median time of one short text, tokenisation included, with one thread."""
    times = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        encoder.encode([_TIMED_TEXT])
        times.append(time.perf_counter() - started)
    return round(float(np.median(times)) * 1e3, 3)


def _size(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.iterdir())


def _version(name: str) -> str:
    return edge_runtime.__version__ if name == "edge-runtime" else version(name)
