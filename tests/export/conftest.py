"""Tiny models with random weights and a tokenizer trained on a few lines, as users would save."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from edge_export.parity import TEXTS

transformers = pytest.importorskip("transformers", reason="needs the extra `export`")
torch = pytest.importorskip("torch", reason="needs the extra `export`")

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}


def save_tokenizer(directory: Path, vocabulary: int = 1200) -> int:
    """Train a WordPiece tokenizer, save it as transformers does, return its vocabulary size."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary, special_tokens=SPECIAL, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    ids = {name: tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]")}
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"])
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        mask_token="[MASK]",
    )
    fast.save_pretrained(directory)
    return int(tokenizer.get_vocab_size())


def save_model(directory: Path, architecture: str, **config: Any) -> Path:
    """Save a random model of a transformers class with its tokenizer."""
    size = max(save_tokenizer(directory), 1100)
    model_class = getattr(transformers, architecture)
    torch.manual_seed(7)
    values = {**SIZES, "vocab_size": size, **config}
    if architecture.startswith("DistilBert"):
        values |= {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4}
    model = model_class(model_class.config_class(**values)).eval()
    with torch.no_grad():  # random weights of the usual size give logits that are all alike
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(6.0)
    model.save_pretrained(directory)
    return directory


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Save a tiny model of the given class; returns its directory."""

    def make(architecture: str, **config: Any) -> Path:
        return save_model(tmp_path / architecture, architecture, **config)

    return make
