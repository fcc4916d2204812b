"""Small bundles in every form that the profiles name, from random models."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from edge_devices.profiles import load_profile
from edge_export.convert import Options, convert
from edge_runtime.bundles.store import Store

_SEED = 0
_SPREAD = 6.0  # else all logits of a random model are alike
_VOCABULARY = 30522
_SPECIAL = {
    "unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]",
}  # fmt: skip
_ANY_DROP = 1e9  # the products stay as they were asked for, though a random model loses much


def forms(profiles: list[str]) -> dict[str, tuple[str, str, str]]:
    """Return the forms of the profiles: name -> task, form of the graph, quantization."""
    found = {}
    for profile in map(load_profile, profiles):
        for task, quantization in (
            ("text-classification", profile.encoder_quantization),
            ("text-generation", profile.decoder_quantization),
        ):
            name = f"{task} {profile.form} {quantization}"
            found[name] = (task, profile.form, quantization)
    return found


def make_bundles(wanted: dict[str, tuple[str, str, str]], work: Path) -> dict[str, Path]:
    """Make a bundle of each form; return name -> directory."""
    sources = {task: _save(task, work / task) for task in {task for task, _, _ in wanted.values()}}
    made = {}
    for name, (task, form, quantization) in wanted.items():
        made[name] = work / name.replace(" ", "-")
        convert(
            Options(
                model=str(sources[task]),
                output=made[name],
                task=task,
                target="pi5",  # whose kernels know every form
                form="fused" if form == "fused" else "optimum",
                quantization=quantization,
                max_drop=_ANY_DROP,
                allow_drop=True,
                force=True,
            )
        )
    return made


def _save(task: str, directory: Path) -> Path:
    tokenizer = Store(None).open("assistant").path / "tokenizer.json"
    sizes = {"vocab_size": _VOCABULARY, "num_hidden_layers": 2, "intermediate_size": 256}
    torch.manual_seed(_SEED)
    model: BertForSequenceClassification | LlamaForCausalLM
    if task == "text-classification":
        model = BertForSequenceClassification(
            BertConfig(**sizes, hidden_size=128, num_attention_heads=4, num_labels=5)
        )
    else:
        model = LlamaForCausalLM(
            LlamaConfig(
                **sizes,
                hidden_size=128,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=256,
                tie_word_embeddings=True,
            )
        )
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(_SPREAD)
    model.train(mode=False).save_pretrained(directory)
    PreTrainedTokenizerFast(tokenizer_file=str(tokenizer), **_SPECIAL).save_pretrained(directory)
    return directory
