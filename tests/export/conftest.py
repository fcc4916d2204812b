"""Tiny models with random weights and a tokenizer of a few words, as users would save them."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from edge_export.texts import TEXTS

transformers = pytest.importorskip("transformers", reason="needs the extra `export`")
torch = pytest.importorskip("torch", reason="needs the extra `export`")

_KEYS = string.ascii_lowercase + string.digits + string.punctuation
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}


def save_tokenizer(directory: Path) -> int:
    """Save a WordPiece tokenizer as transformers does, return its vocabulary size.

    It knows the words of the built-in texts and every letter. A trained one would differ from run
    to run, and so would all that follows.
    """
    words = {word for text in TEXTS for word in re.findall(r"[^\W_]+|[^\w\s]", text.lower())}
    letters = sorted({letter for word in words for letter in word} | set(_KEYS))
    pieces = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters), *sorted(words)]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
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


def save_model(directory: Path, architecture: str, *, spread: float = 6.0, **config: Any) -> Path:
    """Save a random model of a transformers class with its tokenizer.

    Random weights of the usual size give logits that are all alike, so they are multiplied by
    ``spread``.
    """
    size = max(save_tokenizer(directory), 1100)
    model_class = getattr(transformers, architecture)
    torch.manual_seed(7)
    values = {**SIZES, "vocab_size": size, **config}
    if architecture.startswith("DistilBert"):
        values |= {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4}
    model = model_class(model_class.config_class(**values)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(spread)
    model.save_pretrained(directory)
    return directory


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Save a tiny model of the given class; returns its directory."""

    def make(architecture: str, **config: Any) -> Path:
        return save_model(tmp_path / architecture, architecture, **config)

    return make
