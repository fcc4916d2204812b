"""The loss of a mixed batch: each head on its own rows, and the pull towards the base model."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from edge_export.train.batches import IGNORED, Batch, Target
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
        rows = [i for i, item in enumerate(batch.items) if name in item.targets]
        if not rows:
            continue
        targets = [batch.items[i].targets[name] for i in rows]
        if recipe.heads[name].type == "tagging":
            loss = _tagging_loss(layer(dropped[rows].float()), targets)
        else:
            logits = layer(dropped[rows, 0].float())
            loss = _classification_loss(logits, targets, recipe.training.label_smoothing)
        losses.append(recipe.heads[name].weight * loss * len(rows) / size)
    anchored = [(i, item.anchor) for i, item in enumerate(batch.items) if item.anchor is not None]
    if anchored:
        rows = [i for i, _ in anchored]
        pooled = mean_pool(states[rows], batch.mask[rows])
        wanted = torch.from_numpy(np.stack([anchor for _, anchor in anchored]))
        drift = (1 - (pooled * wanted).sum(-1)).mean()
        losses.append(recipe.training.anchor_weight * drift * len(anchored) / size)
    return torch.stack(losses).sum()


def _classification_loss(
    logits: torch.Tensor, targets: list[Target], smoothing: float
) -> torch.Tensor:
    labels = torch.tensor([target.label for target in targets])
    closed = [target.closed for target in targets]
    if all(missing is None for missing in closed):
        return nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    return nn.functional.cross_entropy(_close(logits, closed), labels)


def _tagging_loss(logits: torch.Tensor, targets: list[Target]) -> torch.Tensor:
    """Return the mean over the tokens of -log of what goes to the outputs that may be right."""
    most = max(target.tags.shape[1] for target in targets if target.tags is not None)
    tags = torch.full((*logits.shape[:2], most), IGNORED)
    for row, target in enumerate(targets):
        if target.tags is not None:
            length, own = target.tags.shape
            padded = [*range(own), *[0] * (most - own)]
            tags[row, :length] = torch.from_numpy(target.tags[:, padded])
    known = tags[..., 0] != IGNORED
    if not bool(known.any()):
        return logits.sum() * 0  # the mean over no token would be NaN
    likelihood = nn.functional.log_softmax(_close(logits, [t.closed for t in targets]), dim=-1)
    right = torch.zeros_like(logits[known], dtype=torch.bool).scatter_(-1, tags[known], value=True)
    return -likelihood[known].masked_fill(~right, -torch.inf).logsumexp(-1).mean()


def _close(logits: torch.Tensor, closed: list[np.ndarray | None]) -> torch.Tensor:
    """Take the outputs that were not annotated out of the softmax."""
    masked = torch.zeros(len(closed), logits.shape[-1], dtype=torch.bool)
    for row, missing in enumerate(closed):
        if missing is not None:
            masked[row, missing] = True
    if logits.ndim > masked.ndim:
        masked = masked.unsqueeze(1)
    return logits.masked_fill(masked, -1e4)
