"""A variant trained and quantized as the shipped bundle is, kept for the next run."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from benchmarks.sharing.start import begin_with
from edge_export.bundle import write_bundle
from edge_export.train.assemble import write_fp32, write_int8
from edge_export.train.checkpoint import Checkpoint
from edge_export.train.parts import Parts
from edge_export.train.recipe import Recipe
from edge_export.train.training import train_network
from edge_runtime.bundles.store import Bundle, Store

_BUNDLE = "int8"


def make_bundle(
    recipe: Recipe, parts: Parts, data: Path, directory: Path, start: Bundle | None = None
) -> Bundle:
    """Return the int8 bundle below ``directory``; train it first if it is not there.

    It begins with the weights of ``start``, else with those of the base model. An interrupted
    training goes on from its checkpoint. The manifest's report says ``steps`` and ``train_s``.
    """
    output = directory / _BUNDLE
    if not output.exists():
        checkpoint = Checkpoint(directory, recipe, data)
        if start is not None:
            begin_with(start, recipe, checkpoint)
        trained, progress = train_network(recipe, parts, checkpoint)
        with tempfile.TemporaryDirectory(prefix="edge-sharing-") as work:
            fp32, int8 = Path(work) / "fp32", Path(work) / "int8"
            manifest = write_int8(fp32, write_fp32(trained, recipe, fp32), int8)
            report = {"steps": progress.step, "train_s": round(progress.seconds)}
            write_bundle(int8, msgspec.structs.replace(manifest, report=report), output)
        checkpoint.remove()
    return Store(None).open(str(output))
