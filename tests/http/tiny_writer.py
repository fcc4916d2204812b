"""A tiny random decoder whose tokens are ASCII, so that grammars and templates work on it."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from edge_export.convert import Options, convert
from tests.export.conftest import save_model
from tests.inference.chat_templates import QWEN

_SPECIAL = ["<pad>", "<|im_start|>", "<|im_end|>"]
_SPACE, _NEWLINE = "\u0120", "\u010a"  # as byte-level tokenizers spell them
_CONTEXT = 2048


@functools.cache
def tiny_writer(temporary: Path) -> Path:
    """Return the same bundle for all tests of a session: it chats, as ``tiny-chat``."""
    return make_writer(temporary / "tiny-writer" / "tiny-chat")


def make_writer(directory: Path, *, template: str | None = QWEN) -> Path:
    """Make a ``text-generation`` bundle; only a grammar or a stop text ends what it writes."""
    source = directory.with_name(f"{directory.name}-source")
    alphabet = [*map(chr, range(ord("!"), ord("~") + 1)), _SPACE, _NEWLINE]
    size = len(_SPECIAL) + len(alphabet)
    save_model(
        source,
        "LlamaForCausalLM",
        hidden_size=64,
        num_key_value_heads=2,
        vocab_size=size,
        max_position_embeddings=_CONTEXT,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    vocabulary = {piece: number for number, piece in enumerate([*_SPECIAL, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    for piece in _SPECIAL:
        tokenizer.add_special_tokens([piece])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        chat_template=template,
    )
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (source / name).unlink(missing_ok=True)
    fast.save_pretrained(source)
    never_ends = {"eos_token_id": 2, "pad_token_id": 0, "min_new_tokens": _CONTEXT}
    (source / "generation_config.json").write_text(json.dumps(never_ends))
    options = Options(
        model=str(source),
        task="text-generation",
        target="generic-x86_64",
        output=directory,
        name=directory.name,
    )
    convert(options)
    return directory
