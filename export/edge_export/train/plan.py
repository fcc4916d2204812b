"""What is trained on, in which order: a plan of batches for each epoch, drawn from one seed."""

from __future__ import annotations

import random

import numpy as np
import torch
from tqdm import tqdm

from edge_export.train.augment import Row, disturb, gather, join_rows, recase
from edge_export.train.batches import Batch, Item, Tokeniser, batches, sample_epoch
from edge_export.train.model import MultiTaskEncoder, mean_pool
from edge_export.train.parts import BySource
from edge_export.train.recipe import Recipe

RandomState = tuple[int, list[int], float | None]

# training steps that a small data set gets when its recipe does not name the epochs
_FEWEST_STEPS = 300
_FEWEST_EPOCHS, _MOST_EPOCHS = 3, 40


class Plan:
    """Batches, epoch after epoch; ``rewind`` goes back to any place in it.

    ``epoch_state`` is the random state that the running epoch was drawn from, ``position`` the
    number of its batches that were taken.
    """

    def __init__(
        self, model: MultiTaskEncoder, recipe: Recipe, tokeniser: Tokeniser, rows: BySource
    ) -> None:
        self._recipe = recipe
        self._tokeniser = tokeniser
        self._rows = rows
        self._rng = random.Random(recipe.training.seed)  # noqa: S311 - an order, not a secret
        self._anchors = self._embed(model)
        self._draw()
        self.steps = _steps(recipe.training.epochs, len(self._batches))

    def take(self) -> Batch:
        """Return the next batch; draws the next epoch when this one is through."""
        if self.epoch_is_over:
            self._draw()
        self.position += 1
        return self._batches[self.position - 1]

    @property
    def epoch_is_over(self) -> bool:
        """Whether the last batch of the epoch was taken."""
        return self.position == len(self._batches)

    def rewind(self, epoch_state: RandomState, position: int) -> None:
        """Go to a place that ``epoch_state`` and ``position`` named, of a plan of the same data."""
        version, internal, gauss = epoch_state
        self._rng.setstate((version, tuple(internal), gauss))
        self._draw()
        self.position = position

    def _draw(self) -> None:
        version, internal, gauss = self._rng.getstate()
        self.epoch_state: RandomState = (version, list(internal), gauss)
        self.position = 0
        settings, rng = self._recipe.training, self._rng
        rows = gather(sample_epoch(self._rows, self._recipe.sources, rng))
        changed = [self._changed(row) for row in join_rows(rows, settings.join, rng)]
        self._batches = self._batched(self._tokeniser.items(changed, self._anchors))

    def _changed(self, row: Row) -> Row:
        settings, rng = self._recipe.training, self._rng
        if rng.random() < settings.noise:
            row = disturb(row, rng)
        return recase(row, rng) if rng.random() < settings.recase else row

    def _batched(self, items: list[Item]) -> list[Batch]:
        return list(
            batches(
                items,
                batch_tokens=self._recipe.training.batch_tokens,
                pad_id=self._tokeniser.tokenizer.pad_id,
                rng=self._rng,
            )
        )

    @torch.no_grad()
    def _embed(self, model: MultiTaskEncoder) -> dict[str, np.ndarray]:
        """Return the base model's embeddings of a sample of the texts, before any training."""
        examples = [example for rows in self._rows.values() for example in rows]
        count = min(self._recipe.training.anchor_texts, len(examples))
        rows = gather(self._rng.sample(examples, count))
        items = self._tokeniser.items(rows, {})
        anchors: dict[str, np.ndarray] = {}
        model.eval()
        for batch in tqdm(self._batched(items), desc="anchor", unit="batch", disable=not items):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                states = model.hidden(batch.ids, batch.mask, torch.zeros_like(batch.types))
            vectors = mean_pool(states, batch.mask).numpy()
            anchors.update(zip((item.row[0].text for item in batch.items), vectors, strict=True))
        return anchors


def _steps(epochs: float | None, per_epoch: int) -> int:
    if epochs is None:
        epochs = min(max(_FEWEST_STEPS / per_epoch, _FEWEST_EPOCHS), _MOST_EPOCHS)
    return max(1, round(epochs * per_epoch))
