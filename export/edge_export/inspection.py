"""What is in a bundle: its graphs by operator and precision, read without their weights."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import onnx
from onnx import TensorProto, helper

from edge_runtime.bundles.manifest import FILE_NAME
from edge_runtime.bundles.store import Store
from edge_runtime.errors import BundleError

LARGEST = 10

_TYPES = {number: name.lower() for name, number in TensorProto.DataType.items()}
_TYPES |= {TensorProto.FLOAT: "float32", TensorProto.DOUBLE: "float64"}
_BITS = {"int2": 2, "uint2": 2, "int4": 4, "uint4": 4, "float4e2m1": 4, "string": 0}

Place = tuple[str, int, int]


class Value(msgspec.Struct, frozen=True):
    """An input or output; a free dimension is a name, or "?"."""

    name: str
    type: str
    shape: list[str | int]


class Tensor(msgspec.Struct, frozen=True):
    """A stored tensor; ``precision`` is its type, with the bits of the weights packed in it."""

    name: str
    precision: str
    shape: list[int]
    size_bytes: int


class GraphSummary(msgspec.Struct, frozen=True):
    """One ``.onnx`` file; nodes and tensors of its subgraphs and functions count too.

    ``precisions`` are bytes of stored tensors; those that share their bytes in one external file
    count once, under the first of them.
    """

    file: str
    producer: str
    opsets: dict[str, int]
    inputs: list[Value]
    outputs: list[Value]
    nodes: int
    operators: dict[str, int]
    size_bytes: int
    precisions: dict[str, int]
    shared_bytes: int
    largest: list[Tensor]


class BundleSummary(msgspec.Struct, frozen=True):
    """A directory with its graphs; what its manifest says, if it has one, and all its files."""

    path: str
    model: str | None
    task: str | None
    target: str | None
    form: str | None
    quantization: dict[str, str]
    files: dict[str, int]
    graphs: list[GraphSummary]

    @property
    def size_bytes(self) -> int:
        """Size of all files."""
        return sum(self.files.values())


def inspect_bundle(directory: Path) -> BundleSummary:
    """Return what is in a bundle, or in a directory with ``.onnx`` files and no manifest.

    Raises:
        BundleError: there is no graph, a graph cannot be read, or a file is not what the manifest
            says.
    """
    if not directory.is_dir():
        raise BundleError(f"{directory} is not a directory")
    has_manifest = (directory / FILE_NAME).is_file()
    bundle = Store(None).open(str(directory.absolute())) if has_manifest else None
    manifest = bundle.manifest if bundle else None
    files = {
        path.relative_to(directory).as_posix(): path.stat().st_size
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
    graphs = [name for name in files if name.endswith(".onnx")]
    if not graphs:
        raise BundleError(f"{directory} has no .onnx file")
    return BundleSummary(
        path=str(directory),
        model=bundle.model_name if bundle else None,
        task=manifest.task if manifest else None,
        target=manifest.target if manifest else None,
        form=manifest.graph.form if manifest else None,
        quantization=manifest.quantization if manifest else {},
        files=files,
        graphs=[inspect_graph(directory, name) for name in graphs],
    )


def inspect_graph(directory: Path, file: str) -> GraphSummary:
    """Summarise one ``.onnx`` file of a directory.

    Raises:
        BundleError: it cannot be read.
    """
    path = directory / file
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError as exc:
        raise BundleError(f"{path}: {exc.strerror}") from exc
    except Exception as exc:  # protobuf publishes no types
        raise BundleError(f"{path} is no ONNX file: {exc}") from exc
    if not model.HasField("graph"):
        raise BundleError(f"{path} is no ONNX file: there is no graph in it")
    nodes = list(_nodes(model))
    packed = _packed(nodes)
    tensors, shared_bytes = _tensors(model, nodes, packed)
    precisions: Counter[str] = Counter()
    for tensor in tensors:
        precisions[tensor.precision] += tensor.size_bytes
    stored = {tensor.name for tensor in model.graph.initializer}
    operators = Counter(_operator(node) for node in nodes)
    return GraphSummary(
        file=file,
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        opsets={entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        inputs=[_value(info) for info in model.graph.input if info.name not in stored],
        outputs=[_value(info) for info in model.graph.output],
        nodes=len(nodes),
        operators=dict(sorted(operators.items(), key=lambda pair: (-pair[1], pair[0]))),
        size_bytes=sum(precisions.values()),
        precisions=dict(precisions.most_common()),
        shared_bytes=shared_bytes,
        largest=sorted(tensors, key=lambda each: (-each.size_bytes, each.name))[:LARGEST],
    )


def _nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    pending = [*model.graph.node, *(node for each in model.functions for node in each.node)]
    while pending:
        node = pending.pop()
        yield node
        pending += [inner for graph in _subgraphs(node) for inner in graph.node]


def _subgraphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    found = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return found + [graph for attribute in node.attribute for graph in attribute.graphs]


def _operator(node: onnx.NodeProto) -> str:
    return f"{node.domain}.{node.op_type}" if node.domain not in {"", "ai.onnx"} else node.op_type


def _packed(nodes: list[onnx.NodeProto]) -> dict[str, int]:
    """Return how many bits a weight has, for tensors that hold several in one byte.

    MatMulNBits has them as its second input, GatherBlockQuantized as its first.
    """
    positions = {"MatMulNBits": 1, "GatherBlockQuantized": 0}
    packed = {}
    for node in nodes:
        bits = next((each.i for each in node.attribute if each.name == "bits"), 4)
        if node.op_type in positions:
            packed[node.input[positions[node.op_type]]] = bits
    return packed


def _tensors(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], packed: dict[str, int]
) -> tuple[list[Tensor], int]:
    """Return the stored tensors, each place in an external file once, and the bytes so saved."""
    graphs = [model.graph, *(graph for node in nodes for graph in _subgraphs(node))]
    stored = [tensor for graph in graphs for tensor in graph.initializer]
    stored += [sparse.values for graph in graphs for sparse in graph.sparse_initializer]
    for node in nodes:
        for attribute in node.attribute:
            stored += [attribute.t] if attribute.HasField("t") else []
            stored += attribute.tensors
    found, shared_bytes = [], 0
    seen: set[Place] = set()
    for tensor in stored:
        described = _tensor(tensor, packed)
        if (place := _place(tensor, described.size_bytes)) in seen:
            shared_bytes += described.size_bytes
            continue
        if place is not None:
            seen.add(place)
        found.append(described)
    return found, shared_bytes


def _tensor(tensor: onnx.TensorProto, packed: dict[str, int]) -> Tensor:
    kind = _TYPES.get(tensor.data_type, "unknown")
    precision = kind
    if tensor.name in packed and packed[tensor.name] < _bits(tensor.data_type):
        precision = f"{packed[tensor.name]} bits in {kind}"
    size_bytes = math.ceil(math.prod(tensor.dims) * _bits(tensor.data_type) / 8)
    size_bytes += sum(len(text) for text in tensor.string_data)
    return Tensor(tensor.name or "(constant)", precision, list(tensor.dims), size_bytes)


def _bits(data_type: int) -> int:
    name = _TYPES.get(data_type, "string")
    if name in _BITS:
        return _BITS[name]
    return int(helper.tensor_dtype_to_np_dtype(data_type).itemsize) * 8


def _place(tensor: onnx.TensorProto, size_bytes: int) -> Place | None:
    """Return file, offset and length of an external tensor."""
    if tensor.data_location != TensorProto.EXTERNAL:
        return None
    entries = {entry.key: entry.value for entry in tensor.external_data}
    length = int(entries.get("length") or size_bytes)
    return entries.get("location", ""), int(entries.get("offset") or 0), length


def _value(info: onnx.ValueInfoProto) -> Value:
    kind = info.type.tensor_type
    return Value(
        info.name,
        _TYPES.get(kind.elem_type, "unknown"),
        [
            dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?"
            for dim in kind.shape.dim
        ],
    )
