"""The loss of a mixed batch: each head on its own rows, and the pull towards the base model."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from edge_export.train.batches import IGNORED, Batch, Item
from edge_export.train.model import MultiTaskEncoder, mean_pool
from edge_export.train.recipe import Recipe


def batch_loss(model: MultiTaskEncoder, recipe: Recipe, batch: Batch) -> torch.Tensor:
    """Return the weighted mean over the rows, a scalar with gradients."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = model.hidden(batch.ids, batch.mask, batch.types)
        dropped = model.dropout(states)
    losses = []
    size = len(batch.items)
    for name, layer in model.heads.items():
        rows = [i for i, item in enumerate(batch.items) if item.example.head == name]
        if not rows:
            continue
        items = [batch.items[i] for i in rows]
        if recipe.heads[name].type == "tagging":
            logits = layer(dropped[rows].float())
            loss = _tagging_loss(logits, items)
        else:
            logits = layer(dropped[rows, 0].float())
            loss = _classification_loss(logits, items, recipe.training.label_smoothing)
        losses.append(recipe.heads[name].weight * loss * len(rows) / size)
    anchored = [i for i, item in enumerate(batch.items) if item.anchor is not None]
    if anchored:
        pooled = mean_pool(states[anchored], batch.mask[anchored])
        wanted = torch.from_numpy(np.stack([_anchor(batch.items[i]) for i in anchored]))
        drift = (1 - (pooled * wanted).sum(-1)).mean()
        losses.append(recipe.training.anchor_weight * drift * len(anchored) / size)
    return torch.stack(losses).sum()


def _anchor(item: Item) -> np.ndarray:
    if item.anchor is None:
        raise AssertionError("only items with an anchor are asked")
    return item.anchor


def _classification_loss(logits: torch.Tensor, items: list[Item], smoothing: float) -> torch.Tensor:
    targets = torch.tensor([item.target for item in items])
    closed = [item.closed for item in items]
    if all(missing is None for missing in closed):
        return nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing)
    return nn.functional.cross_entropy(_close(logits, closed), targets)


def _tagging_loss(logits: torch.Tensor, items: list[Item]) -> torch.Tensor:
    targets = torch.full(logits.shape[:2], IGNORED)
    for row, item in enumerate(items):
        if item.tags is not None:
            targets[row, : len(item.tags)] = torch.from_numpy(item.tags)
    if bool((targets == IGNORED).all()):
        return logits.sum() * 0  # the mean over no token would be NaN
    closed = _close(logits, [item.closed for item in items])
    return nn.functional.cross_entropy(closed.flatten(0, 1), targets.flatten())


def _close(logits: torch.Tensor, closed: list[np.ndarray | None]) -> torch.Tensor:
    """Take the outputs that were not annotated out of the softmax."""
    masked = torch.zeros(len(closed), logits.shape[-1], dtype=torch.bool)
    for row, missing in enumerate(closed):
        if missing is not None:
            masked[row, missing] = True
    if logits.ndim > masked.ndim:
        masked = masked.unsqueeze(1)
    return logits.masked_fill(masked, -1e4)
