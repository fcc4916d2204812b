"""The models: random weights in the shapes of SmolLM2-135M and Qwen2.5-0.5B."""

from __future__ import annotations

from pathlib import Path

from transformers import Qwen2Config

from benchmarks.outliers.models import Config, make_config, make_model, save_model

_SEED = 0


def _qwen() -> Config:
    return Qwen2Config(
        vocab_size=151936,
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        max_position_embeddings=32768,
        rms_norm_eps=1e-6,
        rope_theta=1_000_000.0,
        tie_word_embeddings=True,
    )


SHAPES = {"smollm2-135m": make_config, "qwen2.5-0.5b": _qwen}


def make_source(shape: str, work: Path) -> Path:
    """Write a model once below ``work``; return the directory.

    It has no end token, so that no runtime ever stops early.
    """
    source = work / shape / "source"
    if not (source / "model.safetensors").exists():
        config = SHAPES[shape]()
        config.eos_token_id = None
        save_model(make_model("plain", config, _SEED), source)
    return source
