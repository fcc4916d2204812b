"""The standard model of the plain job: a classifier of the assistant's size, by optimum."""

from __future__ import annotations

from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from optimum.exporters.onnx import main_export
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from edge_runtime.bundles.store import Store

_SEED = 0


def make_plain_model(work: Path) -> tuple[Path, Path]:
    """Export and quantize once below ``work``; return the graph and the tokenizer.

    The shape and the labels are those of the shipped bundle, the weights random: they do not change
    how long anything takes.
    """
    shipped = Store(None).open("assistant")
    tokenizer = shipped.path / "tokenizer.json"
    directory = work / "plain"
    quantized = directory / "model_int8.onnx"
    if quantized.exists():
        return quantized, tokenizer
    labels = next(
        head.labels for head in shipped.manifest.heads.values() if head.type == "classification"
    )
    torch.manual_seed(_SEED)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=30522,
            hidden_size=384,
            intermediate_size=1536,
            num_hidden_layers=6,
            num_attention_heads=12,
            id2label=dict(enumerate(labels)),
        )
    )
    model.save_pretrained(work / "source")
    PreTrainedTokenizerFast(tokenizer_file=str(tokenizer)).save_pretrained(work / "source")
    main_export(str(work / "source"), directory, task="text-classification", device="cpu")
    quantize_dynamic(directory / "model.onnx", quantized, weight_type=QuantType.QInt8)
    return quantized, tokenizer
