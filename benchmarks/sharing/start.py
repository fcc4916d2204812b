"""A training that begins where a shared encoder ended: with the weights of an int8 bundle."""

from __future__ import annotations

import random
from collections.abc import Iterator

import onnx
import torch
from onnx import numpy_helper

from edge_export.train.checkpoint import Checkpoint, Progress
from edge_export.train.recipe import Recipe
from edge_runtime.bundles.store import Bundle

_PARTS = ("query", "key", "value")


def begin_with(bundle: Bundle, recipe: Recipe, checkpoint: Checkpoint) -> None:
    """Save the weights of the bundle as step 0 of a training, unless it has begun already.

    The bundle was made by ``edge-export train`` from data with the same labels. Its word table
    stays that of the base model, which training never changes.
    """
    if checkpoint.load() is not None:
        return
    version, internal, gauss = random.Random(recipe.training.seed).getstate()  # noqa: S311
    own = {
        f"model/{name}": value
        for name, value in _weights(bundle)
        if not name.startswith("heads.") or name.split(".")[1] in recipe.heads
    }
    torch.manual_seed(recipe.training.seed)
    progress = Progress(epoch_state=(version, list(internal), gauss))
    checkpoint.save(progress, {**own, "random/torch": torch.get_rng_state()})


def _weights(bundle: Bundle) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield what is trained, in fp32, by its PyTorch name."""
    model = onnx.load(bundle.path / bundle.manifest.graph.file)
    stored = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    for name, value in stored.items():
        if name.endswith(".weight.int8"):
            weight = name.removesuffix(".int8")
            scaled = value.astype("float32") * stored[f"{weight}.scale"]
            yield from _named(weight, torch.from_numpy(scaled.T))
        elif name.startswith(("encoder.", "heads.")) and name.endswith((".weight", ".bias")):
            kernel = name.startswith("heads.") and value.ndim > 1
            yield from _named(name, torch.from_numpy((value.T if kernel else value).copy()))


def _named(name: str, value: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield a tensor, or the three that a packed one is made of."""
    if ".attention.qkv." not in name:
        yield name, value
        return
    for part, chunk in zip(_PARTS, value.chunk(3), strict=True):
        yield name.replace(".attention.qkv.", f".attention.self.{part}."), chunk
