"""Graphs with their weights in one file beside them, which a session maps into memory."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data, uses_external_data

from edge_runtime.bundles.manifest import DATA_FILE

COMPANIONS = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
_SMALLEST_BYTES = 1024  # what is smaller stays in the graph, where shape inference can see it
_ALIGNMENT = 64  # bytes: a cache line

Array = npt.NDArray[np.generic]


def save_graphs(models: dict[str, onnx.ModelProto], directory: Path, *, origin: Path) -> None:
    """Write graphs by file name, and their weights into one file; equal ones are kept once.

    ``origin`` is where the external data of the given graphs lies now. The graphs are changed:
    they refer to the new file afterwards.

    Raises:
        OSError: the disk is full, or not writable.
    """
    directory.mkdir(parents=True, exist_ok=True)
    known: dict[bytes, int] = {}
    with (directory / DATA_FILE).open("wb") as file:
        for model in models.values():
            for tensor in initializers(model.graph):
                raw = raw_bytes(tensor, origin)
                if len(raw) < _SMALLEST_BYTES:
                    _inline(tensor, raw)
                    continue
                digest = hashlib.sha256(raw).digest()
                if digest not in known:
                    file.write(bytes(-file.tell() % _ALIGNMENT))
                    known[digest] = file.tell()
                    file.write(raw)
                _inline(tensor, b"")
                set_external_data(tensor, DATA_FILE, offset=known[digest], length=len(raw))
                tensor.ClearField("raw_data")
    if not known:
        (directory / DATA_FILE).unlink()
    for name, model in models.items():
        (directory / name).write_bytes(model.SerializeToString(deterministic=True))


def copy_variant(source: Path, model: onnx.ModelProto, name: str) -> Path:
    """Write a changed graph beside the one that it came from, over the same weights."""
    path = source.with_name(name)
    onnx.save_model(model, path)
    return path


def load_graph(path: Path) -> onnx.ModelProto:
    """Read a graph without its external weights."""
    return onnx.load(path, load_external_data=False)


def initializers(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """Yield the weights of a graph and of the graphs inside its nodes."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from initializers(attribute.g)


def array_of(tensor: TensorProto, directory: Path) -> Array:
    """Return a weight as an array; external data is mapped, not read."""
    if not uses_external_data(tensor):
        return numpy_helper.to_array(tensor)
    place = {entry.key: entry.value for entry in tensor.external_data}
    kind: np.dtype[np.generic] = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
    shape = tuple(tensor.dims)
    size_bytes = math.prod(shape) * kind.itemsize
    if not size_bytes:
        return np.zeros(shape, dtype=kind)
    path, offset = directory / place["location"], int(place.get("offset", 0))
    raw = np.memmap(path, np.uint8, "r", offset=offset, shape=(size_bytes,))
    return raw.view(kind).reshape(shape)


def raw_bytes(tensor: TensorProto, directory: Path) -> bytes:
    """Return a weight's bytes, little-endian."""
    if not uses_external_data(tensor):
        return numpy_helper.to_array(tensor).tobytes() if not tensor.raw_data else tensor.raw_data
    return array_of(tensor, directory).tobytes()


def copy_companions(source: Path, target: Path) -> None:
    """Copy what a bundle has beside its graphs: config, tokenizer, chat template."""
    target.mkdir(parents=True, exist_ok=True)
    for name in COMPANIONS:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def _inline(tensor: TensorProto, raw: bytes) -> None:
    for field in ("float_data", "int32_data", "int64_data", "external_data", "data_location"):
        tensor.ClearField(field)
    tensor.raw_data = raw
