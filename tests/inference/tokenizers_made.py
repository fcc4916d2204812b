"""Tokenizers of every kind that encoders have, of a few words and every letter or byte."""

from __future__ import annotations

import string
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = ("turn", "light", "Berlin", "met", "Angela", "in")
LETTERS = "東京に行く。\u00fc\u0301👩👧\u200d"
KINDS = (
    "wordpiece",
    "byte-level",
    "byte-level-untrimmed",
    "metaspace",
    "metaspace-whole",
    "spaced",
)


def make_tokenizer(kind: str, directory: Path) -> Path:
    """Write ``tokenizer.json``.

    ``wordpiece`` is BERT's, ``byte-level`` RoBERTa's, ``metaspace`` T5's (``-whole`` where it does
    not split at spaces) and ``spaced`` XLM-RoBERTa's.
    """
    made = {"wordpiece": _wordpiece, "byte-level": _byte_level}.get(kind)
    tokenizer = made() if made else _byte_level() if "byte" in kind else _unigram()
    if kind == "byte-level-untrimmed":
        tokenizer.post_processor = processors.RobertaProcessing(
            ("</s>", 2), ("<s>", 0), trim_offsets=False
        )
    elif kind == "spaced":
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
        )
    elif kind == "metaspace-whole":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    path = directory / f"{kind}.json"
    tokenizer.save(str(path))
    return path


def _wordpiece() -> Tokenizer:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    letters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = [*special, *letters, *(f"##{x}" for x in letters), *(w.lower() for w in WORDS)]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def _byte_level() -> Tokenizer:
    pieces = ["<s>", "<pad>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def _unigram() -> Tokenizer:
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0)]
    pieces += [(f"▁{word}", -1.0) for word in WORDS]
    pieces += [(letter, -4.0) for letter in string.printable + LETTERS]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )  # fmt: skip
    return tokenizer
