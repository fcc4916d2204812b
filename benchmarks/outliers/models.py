"""Decoders of random weights in the shape of SmolLM2-135M, with and without planted outliers.

What makes them resemble a trained decoder, as far as quantization can tell: channels of the
residual stream with persistent and unequal scales, norms that magnify a few channels of each layer,
intermediate channels of unequal scales (so that the input of ``down_proj`` is heavy-tailed), and
layers that each change the residual stream by a little. The final norm has random signs: without
them tied embeddings would have every token predict itself.

``PLANTED_CHANNELS`` channels of the residual stream have no outliers of their own and a scale of
one; in the variant ``outliers``, and there only, every norm inside a layer magnifies them twenty
times. All else is equal, draw by draw.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

Variant = Literal["plain", "outliers"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
Config = LlamaConfig | Qwen2Config
Model = LlamaForCausalLM | Qwen2ForCausalLM

PLANTED_CHANNELS = 3
PLANTED_FACTOR = 20.0
SPECIAL_TOKENS = ("<unk>", "<s>", "</s>")  # ids 0, 1 and 2

_EMBEDDING_RMS = 0.1
_CHANNEL_SPREAD = 0.4  # of the logarithm of a residual channel's scale
_NORM_SPREAD = 0.3  # likewise, of a norm's weights
_OWN_OUTLIERS = 8  # channels that a norm magnifies, others in each norm
_OWN_OUTLIER_FACTOR = 5.0
_UNIT_SPREAD = 0.5  # of the logarithm of an intermediate or value channel's scale
_QUERY_KEY_GAIN = 0.7
_BIAS_RMS = 0.1  # of queries, keys and values, where a family has them
_ATTENTION_RMS = 0.015  # of o_proj's output if the values were not averaged
_MLP_RMS = 0.0025  # of down_proj's output for an input of unit rms


def make_config(layers: int = 30) -> LlamaConfig:
    """The configuration of SmolLM2-135M, with as many layers as asked for."""
    return LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=layers,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        rms_norm_eps=1e-5,
        rope_theta=100_000.0,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )


def make_model(variant: Variant, config: Config, seed: int) -> Model:
    """A decoder whose weights depend on the variant, the configuration and the seed only."""
    model: Model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for name, value in _Weights(variant, config, seed).make().items():
            model.get_parameter(name).copy_(torch.from_numpy(value))
    return model


def make_tokenizer(vocabulary_size: int) -> PreTrainedTokenizerFast:
    """One word per id, ``w3`` for 3, so that ids survive the way through text and back."""
    words = [*SPECIAL_TOKENS, *(f"w{number}" for number in range(3, vocabulary_size))]
    unknown, first, last = SPECIAL_TOKENS
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token=unknown, bos_token=first, eos_token=last
    )


def save_model(model: Model, directory: Path) -> None:
    """Write safetensors, configuration and tokenizer, as ``save_pretrained`` does."""
    model.save_pretrained(directory, safe_serialization=True)
    make_tokenizer(model.config.vocab_size).save_pretrained(directory)


def vocabulary_size(source: Path) -> int:
    """The number of tokens that a saved model knows."""
    return int(json.loads((source / "config.json").read_text())["vocab_size"])


def make_ids(sequences: int, length: int, vocabulary_size: int, seed: int) -> Ids:
    """Random token ids ``[sequences, length]``, none of them special."""
    generator = np.random.default_rng(seed)
    return generator.integers(
        len(SPECIAL_TOKENS), vocabulary_size, (sequences, length), dtype=np.int64
    )


def reference_logits(model: Model, ids: Ids) -> Floats:
    """Logits ``[sequences, length, vocabulary]`` in fp32, each sequence by itself."""
    with torch.inference_mode():
        rows = [model(torch.from_numpy(row[None])).logits[0].numpy() for row in ids]
    return np.stack(rows)


class _Weights:
    """Draws every weight, in the same order for both variants."""

    def __init__(self, variant: Variant, config: Config, seed: int) -> None:
        self._variant = variant
        self._config = config
        self._generator = np.random.default_rng(seed)
        hidden = config.hidden_size
        self._planted = self._generator.choice(hidden, PLANTED_CHANNELS, replace=False)
        self._others = np.setdiff1d(np.arange(hidden), self._planted)
        self._residual = self._scales(hidden, _CHANNEL_SPREAD)
        self._residual[self._planted] = 1.0

    def make(self) -> dict[str, Floats]:
        """Values by the name of their parameter."""
        embedding = self._normal(self._config.vocab_size, self._config.hidden_size)
        weights = {"model.embed_tokens.weight": _EMBEDDING_RMS * embedding * self._residual}
        for layer in range(self._config.num_hidden_layers):
            for name, value in self._layer().items():
                weights[f"model.layers.{layer}.{name}.weight"] = value
            if isinstance(self._config, Qwen2Config):
                for name, size in self._biases().items():
                    weights[f"model.layers.{layer}.{name}.bias"] = _BIAS_RMS * self._normal(size)
        signs = np.sign(self._normal(self._config.hidden_size))
        weights["model.norm.weight"] = self._norm() * signs
        return weights

    def _layer(self) -> dict[str, Floats]:
        config = self._config
        keys = self._keys
        norms = [self._norm(), self._norm()]
        if self._variant == "outliers":
            for norm in norms:
                norm[self._planted] *= PLANTED_FACTOR
        residual = self._residual[:, None]
        return {
            "input_layernorm": norms[0],
            "post_attention_layernorm": norms[1],
            "self_attn.q_proj": _QUERY_KEY_GAIN * self._linear(config.hidden_size),
            "self_attn.k_proj": _QUERY_KEY_GAIN * self._linear(keys),
            "self_attn.v_proj": self._linear(keys) * self._units(keys),
            "self_attn.o_proj": _ATTENTION_RMS * self._linear(config.hidden_size) * residual,
            "mlp.gate_proj": self._up(),
            "mlp.up_proj": self._up(),
            "mlp.down_proj": _MLP_RMS * residual * self._linear(
                config.hidden_size, config.intermediate_size
            ),
        }  # fmt: skip

    @property
    def _keys(self) -> int:
        config = self._config
        return int(config.hidden_size // config.num_attention_heads * config.num_key_value_heads)

    def _biases(self) -> dict[str, int]:
        return {
            "self_attn.q_proj": self._config.hidden_size,
            "self_attn.k_proj": self._keys,
            "self_attn.v_proj": self._keys,
        }

    def _up(self) -> Floats:
        size = self._config.intermediate_size
        return self._linear(size) * self._units(size)

    def _norm(self) -> Floats:
        norm = self._scales(self._config.hidden_size, _NORM_SPREAD)
        norm[self._generator.choice(self._others, _OWN_OUTLIERS, replace=False)] *= (
            _OWN_OUTLIER_FACTOR
        )
        return norm

    def _units(self, size: int) -> Floats:
        return self._scales(size, _UNIT_SPREAD)[:, None]

    def _linear(self, out: int, into: int | None = None) -> Floats:
        into = into or self._config.hidden_size
        return self._normal(out, into) * (1 / math.sqrt(into))

    def _scales(self, size: int, spread: float) -> Floats:
        """Lognormal factors with a mean square of one."""
        scales: Floats = np.exp(spread * self._normal(size) - spread**2)
        return scales

    def _normal(self, *shape: int) -> Floats:
        return self._generator.standard_normal(shape, dtype=np.float32)
