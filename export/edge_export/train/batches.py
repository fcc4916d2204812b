"""Examples to tensors: tokenised once an epoch, in batches of similar length."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from edge_export.train.augment import Row
from edge_export.train.examples import OR, Example
from edge_export.train.recipe import Recipe, Source
from edge_runtime.inference.tokenizer import Tokenizer, Window

IGNORED = -100


@dataclass(frozen=True)
class Target:
    """What one head should say of a text.

    ``label`` is an output's index; ``tags`` ``[tokens, alternatives]`` holds the outputs of which
    one is right, repeated to the same number, ``IGNORED`` where nothing is known. The outputs in
    ``closed`` were not looked for.
    """

    label: int
    tags: np.ndarray | None
    closed: np.ndarray | None


@dataclass(frozen=True)
class Item:
    """A tokenised row with its targets by head; ``anchor`` is what its embedding should be."""

    row: Row
    window: Window
    targets: dict[str, Target]
    anchor: np.ndarray | None


@dataclass(frozen=True)
class Batch:
    """``ids``, ``mask``, ``types``: ``[batch, tokens]``, padded on the right."""

    items: list[Item]
    ids: torch.Tensor
    mask: torch.Tensor
    types: torch.Tensor


def sample_epoch(
    by_source: dict[str, list[Example]], sources: Sequence[Source], rng: random.Random
) -> list[Example]:
    """Return one epoch: every source's rows, drawn anew where the recipe bounds them.

    Of sources with the same rows, which teach several heads, the same are drawn.
    """
    epoch: list[Example] = []
    drawn = rng.random()
    for source in sources:
        rows = by_source.get(source.name, [])
        count = len(rows) if source.rows is None else min(source.rows, len(rows))
        for turn in range(source.repeat):
            draw = random.Random(f"{drawn} {turn} {len(rows)} {count}")  # noqa: S311 - an order
            epoch += draw.sample(rows, count)
    return epoch


class Tokeniser:
    """Turns examples into items for the heads of a recipe."""

    def __init__(self, tokenizer: Tokenizer, recipe: Recipe, labels: dict[str, list[str]]) -> None:
        self.tokenizer = tokenizer
        self._recipe = recipe
        self._index = {
            head: {label: i for i, label in enumerate(names)} for head, names in labels.items()
        }

    def items(self, rows: Sequence[Row], anchors: dict[str, np.ndarray]) -> list[Item]:
        """Return one item per row; a text too long for the model is cut."""
        windows: dict[int, Window] = {}
        for window in self.tokenizer.windows([row[0].text for row in rows]):
            windows.setdefault(window.text_index, window)
        return [
            Item(
                row,
                windows[i],
                {example.head: self._target(example, windows[i]) for example in row},
                anchors.get(row[0].text),
            )
            for i, row in enumerate(rows)
        ]

    def _target(self, example: Example, window: Window) -> Target:
        index = self._index[example.head]
        tagging = self._recipe.heads[example.head].type == "tagging"
        return Target(
            IGNORED if example.label is None else index[example.label],
            _tags(example, window, index) if tagging else None,
            _closed(example, index, tagging=tagging),
        )


def _tags(example: Example, window: Window, index: dict[str, int]) -> np.ndarray:
    alternatives = [(span.label or "").split(OR) for span in example.spans]
    most = max((len(labels) for labels in alternatives), default=1)
    tags = np.zeros((len(window.words), most), dtype=np.int64)
    tags[np.array(window.words) < 0] = IGNORED
    for span, labels in zip(example.spans, alternatives, strict=True):
        first = True
        for token, (start, end) in enumerate(window.offsets):
            if window.words[token] < 0 or end <= span.start or start >= span.end:
                continue
            if span.label is None:
                tags[token] = IGNORED
                continue
            outputs = [1 + 2 * index[label] + (0 if first else 1) for label in labels]
            tags[token] = outputs + outputs[:1] * (most - len(outputs))
            first = False
    return tags


def _closed(example: Example, index: dict[str, int], *, tagging: bool) -> np.ndarray | None:
    """Return the outputs that the annotators did not look for, or None if they did for all."""
    if not example.covers:
        return None
    missing = [i for label, i in index.items() if label not in example.covers]
    if not tagging:
        return np.array(missing, dtype=np.int64)
    return np.array([output for i in missing for output in (1 + 2 * i, 2 + 2 * i)], dtype=np.int64)


def batches(
    items: list[Item], *, batch_tokens: int, pad_id: int, rng: random.Random
) -> Iterator[Batch]:
    """Yield all items in batches of at most ``batch_tokens`` padded tokens, in random order."""
    if not items:
        return
    order = sorted(items, key=lambda item: (len(item.window.ids), rng.random()))
    groups: list[list[Item]] = [[]]
    for item in order:
        if groups[-1] and (len(groups[-1]) + 1) * len(item.window.ids) > batch_tokens:
            groups.append([])
        groups[-1].append(item)
    rng.shuffle(groups)
    for group in groups:
        yield collate(group, pad_id)


def collate(items: list[Item], pad_id: int) -> Batch:
    """Pad to the longest item."""
    width = max(len(item.window.ids) for item in items)
    ids = np.full((len(items), width), pad_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    types = np.zeros_like(ids)
    for row, item in enumerate(items):
        length = len(item.window.ids)
        ids[row, :length] = item.window.ids
        types[row, :length] = item.window.type_ids
        mask[row, :length] = 1
    return Batch(items, torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(types))
