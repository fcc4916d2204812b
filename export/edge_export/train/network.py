"""From recipe and data to trained weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from edge_export.train.batches import Tokeniser
from edge_export.train.examples import Example, read_examples
from edge_export.train.loop import fit
from edge_export.train.model import MultiTaskEncoder, base_directory
from edge_export.train.recipe import Recipe
from edge_runtime.errors import ConfigError
from edge_runtime.inference.tokenizer import Tokenizer


@dataclass(frozen=True)
class Trained:
    """Weights by their PyTorch names (fp32), the encoder's HF config, and the labels by head."""

    weights: Mapping[str, np.ndarray]
    config: dict[str, object]
    labels: dict[str, list[str]]


def train_network(recipe: Recipe, data: Path) -> Trained:
    """Fine-tune the base model on the recipe's training files.

    Raises:
        ConfigError: a file or the base model is missing, or a label is unknown.
    """
    by_source = read_split(recipe, data, split="train")
    labels = head_labels(recipe, by_source)
    model = MultiTaskEncoder(recipe, labels)
    tokenizer = Tokenizer(
        base_directory(recipe.base) / "tokenizer.json",
        max_length=recipe.max_length,
        token_types=recipe.token_types,
    )
    fit(model, recipe, Tokeniser(tokenizer, recipe, labels), by_source)
    weights = {name: np.asarray(value) for name, value in _fp32(model).items()}
    return Trained(weights, model.config.to_dict(), labels)


def read_split(recipe: Recipe, data: Path, *, split: str) -> dict[str, list[Example]]:
    """Return the examples of every source that has files for this split."""
    return {
        source.name: read_examples(source, recipe.heads[source.head], data, split=split)
        for source in recipe.sources
        if (source.train if split == "train" else source.dev)
    }


def head_labels(recipe: Recipe, by_source: dict[str, list[Example]]) -> dict[str, list[str]]:
    """Return the labels of each head in output order; the out-of-scope label stands last.

    Raises:
        ConfigError: ``needs_large_model`` names a label that the data does not have.
    """
    labels = {}
    for name, head in recipe.heads.items():
        found = list(head.labels)
        if not found and head.type == "classification":
            examples = (e for rows in by_source.values() for e in rows if e.head == name)
            found = sorted({e.label for e in examples if e.label} - {head.out_of_scope})
        if head.out_of_scope:
            found.append(head.out_of_scope)
        if missing := set(head.needs_large_model) - set(found):
            raise ConfigError(f"head {name}: no examples of {', '.join(sorted(missing))}")
        labels[name] = found
    return labels


def _fp32(model: MultiTaskEncoder) -> dict[str, torch.Tensor]:
    return {name: value.detach().float().cpu() for name, value in model.state_dict().items()}
