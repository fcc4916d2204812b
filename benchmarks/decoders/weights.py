"""How many bytes of weights one decoded token has to be multiplied with."""

from __future__ import annotations

import math
from pathlib import Path

import onnx

_TABLES = {"Gather", "GatherBlockQuantized"}


def bytes_per_token(model: Path) -> int:
    """Return the bytes of weights that a decode step reads, from the files of any runtime.

    In an ONNX graph a table that is only looked up does not count. The other files hold tied
    embeddings once, and all of it is read.

    Raises:
        FileNotFoundError: there is no model.
    """
    if model.is_file():
        return model.stat().st_size
    if (model / "model.onnx").is_file():
        return _onnx_bytes(model / "model.onnx")
    for name in ("model.bin", "model.safetensors"):
        if (model / name).is_file():
            return (model / name).stat().st_size
    raise FileNotFoundError(f"{model} holds no weights")


def _onnx_bytes(path: Path) -> int:
    graph = onnx.load(path, load_external_data=False).graph
    read = {
        name for node in graph.node if node.op_type not in _TABLES for name in node.input if name
    }
    return sum(_size(each) for each in graph.initializer if each.name in read)


def _size(tensor: onnx.TensorProto) -> int:
    for entry in tensor.external_data:
        if entry.key == "length":
            return int(entry.value)
    if tensor.raw_data:
        return len(tensor.raw_data)
    width = int(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    return int(math.prod(tensor.dims) * width)
