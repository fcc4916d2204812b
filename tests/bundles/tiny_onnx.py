"""ONNX files of a few bytes that say what goes in and out, written without the onnx package."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, content: bytes | str | int) -> bytes:
    """Return a protobuf field."""
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    raw = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def graph(
    inputs: Iterable[str],
    outputs: Iterable[str],
    *,
    operators: Iterable[str] = (),
    data_file: str | None = None,
    opset: int = 17,
) -> bytes:
    """Return a model whose inputs and outputs are float32 ``[?, 4]``."""
    shape = field(1, b"") + field(1, field(1, 4))
    kind = field(2, field(1, field(1, 1) + field(2, shape)))
    content = b"".join(field(1, field(1, "x") + field(4, name)) for name in operators)
    content += b"".join(field(11, field(1, name) + kind) for name in inputs)
    content += b"".join(field(12, field(1, name) + kind) for name in outputs)
    if data_file is not None:
        entry = field(13, field(1, "location") + field(2, data_file))
        content += field(5, field(1, 8) + field(1, 4) + field(2, 1) + field(8, "w") + entry)
    return field(1, 8) + field(7, content) + field(8, field(1, "") + field(2, opset))


ENCODER = graph(["input_ids", "attention_mask", "token_type_ids"], ["logits"])
VECTORS = graph(["input_ids", "attention_mask"], ["last_hidden_state"])
DECODER = graph(
    ["input_ids", "attention_mask", "past_key_values.0.key"], ["logits", "present.0.key"]
)
TEXT_ENCODER = graph(["input_ids", "attention_mask"], ["last_hidden_state"])
FIRST = graph(["input_ids", "encoder_hidden_states"], ["logits", "present.0.decoder.key"])
LATER = graph(["input_ids", "past_key_values.0.decoder.key"], ["logits"])


def write(
    directory: Path, config: dict[str, Any], files: dict[str, bytes | dict[str, Any]]
) -> Path:
    """Write a directory with a config; a dict becomes JSON."""
    for name, content in {"config.json": config, **files}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return directory
