"""Three parts of the data that share no text: trained on, stopped by, reported on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from edge_export.train.examples import Example, example_labels, read_examples
from edge_export.train.recipe import Recipe
from edge_runtime.errors import ConfigError

BySource = dict[str, list[Example]]

_FEWEST_TEXTS = 10  # of a source that has to give some of them away
_UNEQUAL = 20  # times as many rows of one label as of another


@dataclass(frozen=True)
class Parts:
    """Examples by source: ``train``, ``validation`` (for early stopping), ``held_out``.

    ``split`` names the sources whose ``held_out`` was split off their training files; ``warnings``
    are lines about the data that its owner should read.
    """

    train: BySource
    validation: BySource
    held_out: BySource
    split: frozenset[str] = frozenset()
    warnings: list[str] = field(default_factory=list)


def divide(recipe: Recipe, data: Path) -> Parts:
    """Read all files and divide their texts.

    A head of which no source has ``dev`` files gives away the share ``held_out`` of its texts.
    Texts that are alike but for letter case and spaces are one text, in all sources and heads
    together: a ``dev`` row whose text is trained on is left out, with a warning.

    Raises:
        ConfigError: a file is missing or broken, or holds too few texts to divide.
    """
    settings = recipe.training
    train, held_out = (_read(recipe, data, split=split) for split in ("train", "dev"))
    with_dev = {source.head for source in recipe.sources if source.dev}
    split = [source.name for source in recipe.sources if source.head not in with_dev]
    rng = random.Random(f"{settings.seed} held out")  # noqa: S311 - order of texts, not a secret
    taken = _taken(recipe, {name: train[name] for name in split}, settings.held_out, rng)
    held_out |= {name: _those(train[name], taken, inside=True) for name in split}
    for name in split:
        if not held_out[name]:
            raise ConfigError(
                f"{name}: no text can be held out, since each is the only one with its label; "
                "it takes more rows, or dev files"
            )
    train = {name: _those(rows, taken, inside=False) for name, rows in train.items()}
    validation: BySource = {}
    if settings.patience:
        rng = random.Random(f"{settings.seed} validation")  # noqa: S311
        taken = _taken(recipe, train, settings.validation, rng)
        validation = {name: _those(rows, taken, inside=True) for name, rows in train.items()}
        train = {name: _those(rows, taken, inside=False) for name, rows in train.items()}
    held_out, warnings = _without_known(held_out, [*train.values(), *validation.values()])
    warnings += [
        line for name in recipe.heads for line in _about_labels(recipe, name, train, held_out)
    ]
    return Parts(train, validation, held_out, frozenset(split), warnings)


def _read(recipe: Recipe, data: Path, *, split: str) -> BySource:
    return {
        source.name: read_examples(source, recipe.heads[source.head], data, split=split)
        for source in recipe.sources
        if (source.train or source.made if split == "train" else source.dev)
    }


def _key(example: Example) -> str:
    return " ".join(example.text.split()).casefold()


def _those(rows: list[Example], keys: set[str], *, inside: bool) -> list[Example]:
    return [example for example in rows if (_key(example) in keys) == inside]


def _taken(recipe: Recipe, rows: BySource, share: float, rng: random.Random) -> set[str]:
    """Return the texts to give away: every so-manieth, in the order of their labels.

    So each label, and nearly each combination of labels, is met in proportion. The last text with a
    label is kept.
    """
    labels: dict[str, set[tuple[bool, str, str]]] = {}
    for name, examples in rows.items():
        texts = {_key(example) for example in examples}
        if len(texts) < _FEWEST_TEXTS:
            raise ConfigError(
                f"{name}: {len(texts)} different texts are too few to hold some of them out; "
                f"it takes {_FEWEST_TEXTS}, or dev files and no patience"
            )
        for example in examples:
            tagging = recipe.heads[example.head].type == "tagging"
            found = {(tagging, example.head, label) for label in example_labels(example)}
            labels.setdefault(_key(example), set()).update(found)
    order = sorted(labels)
    rng.shuffle(order)
    order.sort(key=lambda text: sorted(labels[text]))
    left = Counter(label for found in labels.values() for label in found)
    taken: set[str] = set()
    due = rng.random()
    for text in order:
        due += share
        if due >= 1 and all(left[label] > 1 for label in labels[text]):
            due -= 1
            taken.add(text)
            left.subtract(labels[text])
    return taken


def _without_known(
    held_out: BySource, known: Iterable[list[Example]]
) -> tuple[BySource, list[str]]:
    keys = {_key(example) for rows in known for example in rows}
    kept: BySource = {}
    warnings = []
    for name, rows in held_out.items():
        kept[name] = _those(rows, keys, inside=False)
        if not kept[name]:
            raise ConfigError(
                f"{name}: every text of its dev files is also trained on, so that they say nothing"
            )
        if len(kept[name]) < len(rows):
            warnings.append(
                f"{name}: {len(rows) - len(kept[name])} of {len(rows)} dev rows have a text that "
                "is also trained on, and are left out"
            )
    return kept, warnings


def _about_labels(recipe: Recipe, head: str, train: BySource, held_out: BySource) -> list[str]:
    """Return warnings about labels with few training rows or none."""
    seen = _count(head, train)
    warnings = []
    if once := sorted(label for label, n in seen.items() if n == 1):
        warnings.append(f"head {head}: only one training row for {_listed(once)}")
    elif seen and max(seen.values()) > _UNEQUAL * min(seen.values()):
        (most, many), (least, few) = seen.most_common(1)[0], seen.most_common()[-1]
        warnings.append(f"head {head}: {many} training rows for {most}, only {few} for {least}")
    if unseen := sorted({*recipe.heads[head].labels, *_count(head, held_out)} - seen.keys()):
        warnings.append(f"head {head}: no training row for {_listed(unseen)}; never found")
    return warnings


def _count(head: str, rows: BySource) -> Counter[str]:
    return Counter(
        label
        for examples in rows.values()
        for example in examples
        if example.head == head
        for label in example_labels(example)
    )


def _listed(labels: list[str], most: int = 5) -> str:
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more
