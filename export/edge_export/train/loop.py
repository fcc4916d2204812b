"""The training loop: mixed batches of all heads, bf16, one pass of the encoder for each batch."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from edge_export.train.augment import join_rows, recase
from edge_export.train.batches import (
    IGNORED,
    Batch,
    Item,
    Tokeniser,
    batches,
    sample_epoch,
)
from edge_export.train.examples import Example
from edge_export.train.model import MultiTaskEncoder, mean_pool
from edge_export.train.recipe import Recipe


def fit(
    model: MultiTaskEncoder,
    recipe: Recipe,
    tokeniser: Tokeniser,
    by_source: dict[str, list[Example]],
) -> None:
    """Train in place; shows a progress bar with the running loss on stderr."""
    settings = recipe.training
    rng = random.Random(settings.seed)  # noqa: S311 - order of examples, not a secret
    torch.manual_seed(settings.seed)
    anchors = _anchors(model, recipe, tokeniser, by_source, rng)
    epochs = [_epoch(recipe, tokeniser, by_source, anchors, rng)]
    steps_per_epoch = len(epochs[0])
    total = max(1, round(settings.epochs * steps_per_epoch))
    optimiser, schedule = _optimiser(model, recipe, total)
    model.train()
    step, running = 0, 0.0
    with tqdm(total=total, desc="train", unit="step") as bar:
        while step < total:
            plan = epochs.pop() if epochs else _epoch(recipe, tokeniser, by_source, anchors, rng)
            for batch in plan:
                loss = _loss(model, recipe, batch)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                optimiser.zero_grad(set_to_none=True)
                step += 1
                running += (float(loss.detach()) - running) / min(step, 200)
                bar.update()
                bar.set_postfix(loss=f"{running:.3f}", refresh=False)
                if step >= total:
                    break
    model.eval()


def _epoch(
    recipe: Recipe,
    tokeniser: Tokeniser,
    by_source: dict[str, list[Example]],
    anchors: dict[str, np.ndarray],
    rng: random.Random,
) -> list[Batch]:
    settings = recipe.training
    examples = [
        recase(example, rng) if rng.random() < settings.recase else example
        for example in join_rows(sample_epoch(by_source, recipe.sources, rng), settings.join, rng)
    ]
    items = tokeniser.items(examples, anchors)
    return list(
        batches(
            items,
            batch_tokens=recipe.training.batch_tokens,
            pad_id=tokeniser.tokenizer.pad_id,
            rng=rng,
        )
    )


def _optimiser(
    model: MultiTaskEncoder, recipe: Recipe, total: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    settings = recipe.training
    trained = [p for p in model.encoder.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [
            {
                "params": [p for p in trained if p.ndim > 1],
                "lr": settings.learning_rate,
                "weight_decay": settings.weight_decay,
            },
            {
                "params": [p for p in trained if p.ndim <= 1],
                "lr": settings.learning_rate,
                "weight_decay": 0.0,
            },
            {
                "params": list(model.heads.parameters()),
                "lr": settings.head_learning_rate,
                "weight_decay": settings.weight_decay,
            },
        ]
    )
    warm = max(1, round(settings.warmup * total))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min((step + 1) / warm, max(0.0, (total - step) / (total - warm + 1))),
    )
    return optimiser, schedule


def _loss(model: MultiTaskEncoder, recipe: Recipe, batch: Batch) -> torch.Tensor:
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


@torch.no_grad()
def _anchors(
    model: MultiTaskEncoder,
    recipe: Recipe,
    tokeniser: Tokeniser,
    by_source: dict[str, list[Example]],
    rng: random.Random,
) -> dict[str, np.ndarray]:
    """Return the base model's embeddings of a sample of the texts, before any training."""
    examples = [example for rows in by_source.values() for example in rows]
    count = min(recipe.training.anchor_texts, len(examples))
    items = tokeniser.items(rng.sample(examples, count), {})
    anchors: dict[str, np.ndarray] = {}
    model.eval()
    for batch in _with_bar(items, recipe, tokeniser, rng):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = model.hidden(batch.ids, batch.mask, torch.zeros_like(batch.types))
        vectors = mean_pool(states, batch.mask).numpy()
        anchors.update(zip((item.example.text for item in batch.items), vectors, strict=True))
    return anchors


def _with_bar(
    items: list[Item], recipe: Recipe, tokeniser: Tokeniser, rng: random.Random
) -> Iterator[Batch]:
    plan = list(
        batches(
            items,
            batch_tokens=recipe.training.batch_tokens,
            pad_id=tokeniser.tokenizer.pad_id,
            rng=rng,
        )
    )
    yield from tqdm(plan, desc="anchor", unit="batch")
