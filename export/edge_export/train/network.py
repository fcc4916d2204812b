"""What a training ends with, and the labels that its heads know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_export.train.examples import example_labels
from edge_export.train.parts import BySource
from edge_export.train.recipe import Head, Recipe
from edge_runtime.errors import ConfigError


@dataclass(frozen=True)
class Trained:
    """Weights by their PyTorch names (fp32), the encoder's HF config, and the labels by head."""

    weights: Mapping[str, np.ndarray]
    config: dict[str, object]
    labels: dict[str, list[str]]


def head_labels(recipe: Recipe, train: BySource) -> dict[str, list[str]]:
    """Return the labels of each head in output order; the out-of-scope label stands last.

    Raises:
        ConfigError: a head has nothing to tell apart, or ``needs_large_model`` names a label that
            the data does not have.
    """
    labels = {}
    for name, head in recipe.heads.items():
        found = list(head.labels) or _from_data(name, head, train)
        if head.out_of_scope:
            found.append(head.out_of_scope)
        if missing := set(head.needs_large_model) - set(found):
            raise ConfigError(f"head {name}: no examples of {', '.join(sorted(missing))}")
        alike = {label for pair in head.same.items() for label in (pair[0], *pair[1])}
        if missing := alike - set(found):
            raise ConfigError(f"head {name}, same: no examples of {', '.join(sorted(missing))}")
        labels[name] = found
        _check(recipe, name, found)
    return labels


def _from_data(name: str, head: Head, train: BySource) -> list[str]:
    examples = (e for rows in train.values() for e in rows if e.head == name)
    found = {label for example in examples for label in example_labels(example)}
    return sorted(found - {head.out_of_scope})


def _check(recipe: Recipe, name: str, labels: list[str]) -> None:
    kind = recipe.heads[name].type
    files = ", ".join(f for source in recipe.sources if source.head == name for f in source.train)
    if kind == "tagging" and not labels:
        raise ConfigError(f"head {name!r}: there is not one span in {files}")
    if kind == "classification" and len(labels) < 2:  # noqa: PLR2004
        raise ConfigError(
            f"head {name!r}: every row of {files} has the label {labels[0]!r}; it takes two labels "
            "to tell apart"
        )
