"""What a bundle asks of a machine, read from its graphs without loading them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge_runtime.bundles.estimate import Demand, Kind, Work
from edge_runtime.bundles.files import TOKENIZER_FILE, data_files
from edge_runtime.bundles.onnx_file import FLOAT16, FLOAT32, Node, OnnxFile, read_onnx
from edge_runtime.bundles.store import Bundle

# where the weight of a product stands among the inputs of its operator
_PRODUCTS = {
    "Attention": 1, "DynamicQuantizeMatMul": 1, "FusedMatMul": 1, "Gemm": 1, "MatMul": 1,
    "MatMulBnb4": 1, "MatMulInteger": 1, "MatMulIntegerToFloat": 1, "MatMulNBits": 1,
    "QAttention": 1, "QGemm": 3, "QLinearMatMul": 3,
}  # fmt: skip
_BLOCKS = {"MatMulBnb4", "MatMulNBits"}
_TABLES = {"Gather", "GatherBlockQuantized"}
# what may stand between a weight and its product
_PASSING = {"Cast", "DequantizeLinear", "Identity", "Reshape", "Transpose", "Unsqueeze"}
_PAST, _KEEP = "past_key_values.", "num_logits_to_keep"


@dataclass(frozen=True)
class _Product:
    kind: Kind
    adds: int
    size_bytes: int
    width: int


def demand_of(bundle: Bundle) -> Demand:
    """Read the graphs of a bundle.

    Raises:
        BundleError: one cannot be read, or its weights are missing.
    """
    manifest = bundle.manifest
    graphs = {name: read_onnx(bundle.path / name) for name in manifest.graph.files}
    main = graphs[manifest.graph.file]
    writes = manifest.graph.kv_cache != "none"
    products = {name: list(_products(graph)) for name, graph in graphs.items()}
    packed: Counter[Kind] = Counter()
    for product in (each for of_graph in products.values() for each in of_graph):
        packed[product.kind] += product.size_bytes
    works = {name: _work(graph, products[name]) for name, graph in graphs.items()}
    folders = {path.parent for path in (bundle.path / name for name in graphs)}
    beside = {p.relative_to(bundle.path).as_posix() for f in folders for p in f.iterdir()}
    files = [*graphs, *data_files(graphs, beside)]
    tokenizer = bundle.path / TOKENIZER_FILE
    return Demand(
        disk_bytes=sum((bundle.path / name).stat().st_size for name in files),
        kept_bytes=sum(_kept_bytes(graph) for graph in graphs.values()),
        packed=packed,
        tokenizer_bytes=tokenizer.stat().st_size if tokenizer.is_file() else 0,
        cache_token_bytes=sum(
            each.size_bytes for name, each in main.inputs.items() if name.startswith(_PAST)
        ),
        width=max((_width(graph, products[name]) for name, graph in graphs.items()), default=0),
        logits_width=0 if _KEEP in main.inputs else _vocabulary(main) or 0,
        max_length=manifest.max_length,
        read=works[manifest.graph.encoder or manifest.graph.file],
        step=works[manifest.graph.file] if writes else None,
    )


def _work(graph: OnnxFile, products: list[_Product]) -> Work:
    adds: Counter[Kind] = Counter()
    sizes: Counter[Kind] = Counter()
    for product in products:
        adds[product.kind] += product.adds
        sizes[product.kind] += product.size_bytes
    vocabulary = _vocabulary(graph)
    head = [each.adds for each in products if vocabulary and each.width == vocabulary]
    kept = sum(head) if _KEEP in graph.inputs else 0
    nodes = sum(node.operator != "Constant" for node in graph.nodes)
    return Work(adds, sizes, nodes, kept)


def _products(graph: OnnxFile) -> Iterator[_Product]:
    """Yield each product with a weight once, whatever branches it stands in."""
    origin = {
        node.outputs[0]: node.inputs[0]
        for node in graph.nodes
        if node.operator in _PASSING and node.inputs and node.outputs
    }
    seen = set()
    for node in graph.nodes:
        place = _PRODUCTS.get(node.operator, len(node.inputs))
        if place >= len(node.inputs):
            continue
        name = node.inputs[place]
        while name not in graph.weights and name in origin:
            name = origin[name]
        if name in graph.weights and name not in seen:
            seen.add(name)
            yield _product(graph, node, name)


def _product(graph: OnnxFile, node: Node, name: str) -> _Product:
    weight = graph.weights[name]
    if node.operator in _BLOCKS:
        adds = node.numbers.get("K", 0) * node.numbers.get("N", 0)
        stored = (graph.weights[each] for each in node.inputs[1:] if each in graph.weights)
        size_bytes = sum(each.size_bytes for each in stored)
        return _Product("blocks", adds, size_bytes, node.numbers.get("N", 0))
    adds = math.prod(each or 1 for each in weight.shape)
    width = max((each or 0 for each in weight.shape), default=0)
    if weight.element == FLOAT32 or weight.element in FLOAT16:  # float16 is computed in fp32
        return _Product("fp32", adds, 4 * adds, width)
    return _Product("int8", adds, weight.size_bytes, width)


def _kept_bytes(graph: OnnxFile) -> int:
    """Tables; and of a graph that holds its weights itself, all of them."""
    tables = {node.inputs[0] for node in graph.nodes if node.operator in _TABLES and node.inputs}
    return sum(
        weight.size_bytes
        for name, weight in graph.weights.items()
        if name in tables or weight.location is None
    )


def _width(graph: OnnxFile, products: Iterable[_Product]) -> int:
    vocabulary = _vocabulary(graph)
    return max((each.width for each in products if each.width != vocabulary), default=0)


def _vocabulary(graph: OnnxFile) -> int | None:
    """Width of the logits of a graph that makes text, where it is fixed."""
    logits = graph.outputs.get("logits")
    if logits is None or not any(name.startswith("present.") for name in graph.outputs):
        return None
    return logits.shape[-1] if logits.shape else None
