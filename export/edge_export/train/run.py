"""From recipe and data to a calibrated int8 bundle with its report."""

from __future__ import annotations

import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from tqdm import tqdm

import edge_runtime
from edge_export.bundle import write_bundle
from edge_export.fitting import fit_calibration, fit_tags
from edge_export.train import report
from edge_export.train.assemble import write_fp32, write_int8
from edge_export.train.checkpoint import Checkpoint, Progress
from edge_export.train.held_out import HeldOut, measure
from edge_export.train.model import base_config
from edge_export.train.network import Trained
from edge_export.train.parts import Parts, divide
from edge_export.train.recipe import Recipe
from edge_export.train.training import train_network
from edge_runtime.bundles.manifest import Calibration, Manifest
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import ConfigError, EdgeError
from edge_runtime.tasks.encoder import Encoder

_TIMED_TEXT = "turn on the light in the kitchen and set it to fifty percent please"
_REPEATS = 50
_PINNED = ("edge-runtime", "numpy", "onnx", "onnxruntime", "tokenizers", "torch", "transformers")


@dataclass(frozen=True)
class Order:
    """What is wanted of a run: the bundle's place and promise, and where the run is saved.

    ``restart`` drops what an earlier run has saved there, ``force`` replaces a bundle.
    """

    output: Path
    alpha: float
    delta: float
    checkpoint: Path
    restart: bool = False
    force: bool = False


def train_bundle(recipe: Recipe, data: Path, order: Order) -> Manifest:
    """Train, quantize, evaluate fp32 and int8 side by side, calibrate int8, write the bundle.

    An interrupted run goes on from its checkpoint, which is removed when the bundle is written.
    Warnings about the data and progress go to stderr.

    Raises:
        ConfigError: data or base model are missing or broken, the checkpoint is of another run, the
            loss is no longer a number, or the output exists.
    """
    positions = int(base_config(recipe.base)["max_position_embeddings"])
    recipe = msgspec.structs.replace(recipe, max_length=min(recipe.max_length, positions))
    checkpoint = Checkpoint(order.checkpoint, recipe, data)
    if order.restart:
        checkpoint.remove()
    parts = divide(recipe, data)
    for line in parts.warnings:
        _say(f"warning: {line}")
    trained, progress = train_network(recipe, parts, checkpoint)
    try:
        manifest = _build(recipe, parts, order, trained, progress)
    except OSError as exc:
        if isinstance(exc, EdgeError):
            raise
        raise ConfigError(
            f"the bundle cannot be made in {tempfile.gettempdir()}: {exc.strerror or exc}; the "
            "same command goes on from here"
        ) from exc
    checkpoint.remove()
    return manifest


def _build(
    recipe: Recipe, parts: Parts, order: Order, trained: Trained, progress: Progress
) -> Manifest:
    """Do all that follows the training."""
    with tempfile.TemporaryDirectory(prefix="edge-export-") as work:
        directories = {name: Path(work) / name for name in ("fp32", "int8")}
        manifest = write_fp32(trained, recipe, directories["fp32"])
        reference = Encoder(Bundle(directories["fp32"], manifest, verified=False))
        fp32 = measure(reference, recipe, parts.held_out, "fp32")
        manifest = write_int8(directories["fp32"], manifest, directories["int8"])
        encoder = Encoder(Bundle(directories["int8"], manifest, verified=False))
        int8 = measure(encoder, recipe, parts.held_out, "int8")
        labelled = any(head.type == "classification" for head in recipe.heads.values())
        contents: dict[str, Any] = {
            "train_s": round(progress.seconds),
            "training": report.course(progress),
            "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
            "data": report.rows(recipe, parts),
            "dev": report.scores(fp32, int8),
            "size_bytes": {name: _size(path) for name, path in directories.items()},
            "latency_ms": {"fp32": _latency_ms(reference), "int8": _latency_ms(encoder)},
        }
        manifest = msgspec.structs.replace(
            manifest,
            task="text-classification" if labelled else "token-classification",
            report=contents,
            calibration=_calibrate(recipe, parts, order, int8),
            versions={name: _version(name) for name in _PINNED},
        )
        return write_bundle(directories["int8"], manifest, order.output, force=order.force)


def _calibrate(
    recipe: Recipe, parts: Parts, order: Order, held_out: HeldOut
) -> dict[str, Calibration]:
    found = {}
    for head, samples in held_out.judged.items():
        evaluation = _evaluation(recipe, parts, head)
        found[head] = fit_calibration(
            samples, alpha=order.alpha, delta=order.delta, evaluation=evaluation
        )
    for head, (scores, right) in held_out.tagged.items():
        evaluation = _evaluation(recipe, parts, head)
        fitted = fit_tags(
            scores, right, alpha=order.alpha, delta=order.delta, evaluation=evaluation
        )
        found |= {} if fitted is None else {head: fitted}
    return found


def _evaluation(recipe: Recipe, parts: Parts, head: str) -> str:
    names = [s.name for s in recipe.sources if s.head == head and parts.held_out.get(s.name)]
    kind = "held out of" if parts.split.issuperset(names) else "dev:"
    return f"{kind} {' + '.join(names)}"


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


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)


def _version(name: str) -> str:
    return edge_runtime.__version__ if name == "edge-runtime" else version(name)
