"""Every family that the export covers: a transformers class, its task, and a tiny config."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.export.conftest import save_model

_IDS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
_DECODER = {"hidden_size": 64, "num_key_value_heads": 2, **_IDS}
_GEMMA = {**_DECODER, "head_dim": 16, "sliding_window": 8}
_GPT2 = {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 64, **_IDS}
_MODERN = {**_IDS, "cls_token_id": 2, "sep_token_id": 3, "local_attention": 8}
_BART = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, **_IDS,
    "decoder_start_token_id": 2,
}  # fmt: skip
_T5 = {
    "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, **_IDS,
    "decoder_start_token_id": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Family:
    """``form`` is the graph that it must become; ``spread`` scales the random weights."""

    architecture: str
    task: str
    form: str
    config: dict[str, Any] = field(default_factory=dict)
    spread: float = 6.0

    def save(self, directory: Path) -> Path:
        """Save a tiny random model of the family."""
        return save_model(directory, self.architecture, spread=self.spread, **self.config)


def _encoders() -> dict[str, Family]:
    tasks = {
        "ForSequenceClassification": "text-classification",
        "ForTokenClassification": "token-classification",
        "ForQuestionAnswering": "question-answering",
        "Model": "feature-extraction",
    }
    families = {"Bert": {}, "DistilBert": {}, "Roberta": {}, "ModernBert": _MODERN}
    return {
        f"{name.lower()}-{task}": Family(f"{name}{suffix}", task, "fused", config)
        for name, config in families.items()
        for suffix, task in tasks.items()
    }


ENCODERS: dict[str, Family] = {
    **_encoders(),
    "electra": Family("ElectraForTokenClassification", "token-classification", "optimum"),
}
DECODERS = {
    "llama": Family("LlamaForCausalLM", "text-generation", "fused", _DECODER),
    "smollm2": Family(
        "LlamaForCausalLM", "text-generation", "fused", {**_DECODER, "tie_word_embeddings": True}
    ),
    "llama-small-heads": Family(
        "LlamaForCausalLM", "text-generation", "optimum", {**_DECODER, "head_dim": 8}
    ),
    "smollm3": Family(
        "SmolLM3ForCausalLM", "text-generation", "fused", {**_DECODER, "num_hidden_layers": 4}
    ),
    "qwen2": Family("Qwen2ForCausalLM", "text-generation", "fused", _DECODER),
    "qwen3": Family("Qwen3ForCausalLM", "text-generation", "fused", {**_DECODER, "head_dim": 32}),
    "gemma2": Family(
        "Gemma2ForCausalLM", "text-generation", "fused", {**_GEMMA, "query_pre_attn_scalar": 24}
    ),
    "gemma3": Family(
        "Gemma3ForCausalLM", "text-generation", "fused", {**_GEMMA, "num_hidden_layers": 7}
    ),
    "phi3": Family("Phi3ForCausalLM", "text-generation", "fused", _DECODER),
    "mistral": Family(
        "MistralForCausalLM", "text-generation", "fused", {**_DECODER, "sliding_window": 8}
    ),
    "gpt2": Family("GPT2LMHeadModel", "text-generation", "fused", _GPT2),
    "opt": Family(
        "OPTForCausalLM", "text-generation", "optimum",
        {"ffn_dim": 64, "word_embed_proj_dim": 32, **_IDS},
    ),
}  # fmt: skip
ENCODER_DECODERS = {
    "t5": Family("T5ForConditionalGeneration", "summarization", "optimum", _T5, spread=1.5),
    "flan-t5": Family(
        "T5ForConditionalGeneration", "translation", "optimum",
        {**_T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}, spread=1.5,
    ),
    "bart": Family("BartForConditionalGeneration", "summarization", "optimum", _BART),
    "marian": Family(
        "MarianMTModel", "translation", "optimum", {**_BART, "decoder_start_token_id": 0}
    ),
}  # fmt: skip
FAMILIES = {**ENCODERS, **DECODERS, **ENCODER_DECODERS}

# one of each shape of graph and way of decoding; `make test-families` takes them all
SHAPES = (
    "bert-text-classification", "distilbert-question-answering",
    "modernbert-token-classification", "roberta-feature-extraction", "smollm2", "gemma3", "gpt2",
    "opt", "t5",
)  # fmt: skip
