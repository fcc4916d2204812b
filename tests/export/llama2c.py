"""Reads models of llama2.c (format: SOURCE.md of the weights) into a Hugging Face directory."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors
from transformers import LlamaConfig, LlamaForCausalLM

Floats = npt.NDArray[np.float32]


def save_llama(weights: Path, vocabulary: Path, directory: Path) -> Path:
    """Save a model and its tokenizer as ``save_pretrained`` does."""
    data = weights.read_bytes()
    dim, inner, layers, heads, kv_heads, size, length = struct.unpack_from("<7i", data)
    values = np.frombuffer(data, dtype="<f4", offset=28)
    config = LlamaConfig(
        hidden_size=dim, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=kv_heads, vocab_size=size,
        max_position_embeddings=length, tie_word_embeddings=True, rms_norm_eps=1e-5,
        bos_token_id=1, eos_token_id=2, rope_theta=10_000.0,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name, value in _tensors(values, config):
            model.get_parameter(name).copy_(torch.from_numpy(value.copy()))
    model.save_pretrained(directory)
    tokenizer = _tokenizer(vocabulary.read_bytes(), size)
    tokenizer.save(str(directory / "tokenizer.json"))
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    described = {"tokenizer_class": "PreTrainedTokenizerFast", **special}
    (directory / "tokenizer_config.json").write_text(json.dumps(described))
    return directory


def _tensors(values: Floats, config: LlamaConfig) -> list[tuple[str, Floats]]:
    """Return the parameters of transformers in the order of the file."""
    dim, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    width = kv_heads * dim // heads
    done = 0

    def take(*shape: int) -> Floats:
        nonlocal done
        part = values[done : done + int(np.prod(shape))].reshape(shape)
        done += part.size
        return part

    found = [("model.embed_tokens.weight", take(config.vocab_size, dim))]
    for name, shape, turned in (
        ("input_layernorm", (dim,), 0),
        ("self_attn.q_proj", (dim, dim), heads),
        ("self_attn.k_proj", (width, dim), kv_heads),
        ("self_attn.v_proj", (width, dim), 0),
        ("self_attn.o_proj", (dim, dim), 0),
        ("post_attention_layernorm", (dim,), 0),
        ("mlp.gate_proj", (inner, dim), 0),
        ("mlp.down_proj", (dim, inner), 0),
        ("mlp.up_proj", (inner, dim), 0),
    ):
        for layer, value in enumerate(take(layers, *shape)):
            if turned:  # pairs beside each other there, half a head apart here
                value = value.reshape(turned, -1, 2, dim).swapaxes(1, 2).reshape(shape)  # noqa: PLW2901
            found.append((f"model.layers.{layer}.{name}.weight", value))
    return [*found, ("model.norm.weight", take(dim))]


def _tokenizer(data: bytes, size: int) -> Tokenizer:
    """Build the SentencePiece model: the pair whose whole has the highest score is merged first."""
    pieces, scores, at = [], [], 4
    for _ in range(size):
        score, length = struct.unpack_from("<fi", data, at)
        piece = data[at + 8 : at + 8 + length].decode("utf-8", "surrogateescape")
        at += 8 + length
        pieces.append(piece)
        scores.append(score)
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    names += [piece.replace(" ", "\u2581") for piece in pieces[259:]]
    ids = {name: number for number, name in enumerate(names)}
    merges = [
        (-scores[number], name[:cut], name[cut:])
        for number, name in enumerate(names[259:], 259)
        for cut in range(1, len(name))
        if name[:cut] in ids and name[cut:] in ids
    ]
    model = models.BPE(
        vocab=ids, merges=[(left, right) for _, left, right in sorted(merges)],
        unk_token="<unk>", byte_fallback=True, fuse_unk=True,
    )  # fmt: skip
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
         decoders.Strip(" ", 1, 0)]
    )  # fmt: skip
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in names[:3]])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)]
    )
    return tokenizer
