from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_export.checks.parity import compare
from edge_export.quantize.mixed import Sensitivity, rank, search
from edge_export.quantize.rewrite import Precision
from edge_export.quantize.weights import in_blocks, per_column
from edge_runtime.bundles.manifest import FORMAT, Graph, Manifest, Source
from edge_runtime.bundles.store import Bundle
from edge_runtime.inference.decoder import Decoder
from edge_runtime.inference.session import Session

onnx = pytest.importorskip("onnx", reason="needs the extra `export`")

from edge_export.graphs.builder import CONTRIB, GraphBuilder  # noqa: E402
from edge_export.graphs.decoder import build_decoder  # noqa: E402
from edge_export.graphs.decoder_shape import DecoderShape, Layer, Norm, Rope  # noqa: E402
from edge_export.graphs.equalize import equalize  # noqa: E402
from edge_export.graphs.external import load_graph, save_graphs  # noqa: E402
from edge_export.graphs.rotate import rotate  # noqa: E402
from edge_export.quantize.model import Quantizer, table_precision  # noqa: E402
from edge_export.samples import Sample  # noqa: E402
from edge_runtime.inference.tokenizer import Window  # noqa: E402

pytestmark = pytest.mark.export

HIDDEN, INNER, VOCABULARY, LAYERS, HEADS, KV_HEADS, HEAD = 128, 256, 1536, 2, 4, 2, 32
SHAPE = DecoderShape(
    layers=[Layer("global", -1)] * LAYERS,
    ropes={"global": Rope(1e4 ** -(np.arange(0, HEAD, 2) / HEAD), 1.0)},
    hidden=HIDDEN, heads=HEADS, kv_heads=KV_HEADS, head_dim=HEAD, intermediate=INNER,
    vocabulary=VOCABULARY, positions=128, activation="silu", norm=Norm("rms", 1e-5),
    attention_scale=HEAD**-0.5,
)  # fmt: skip


def _weights(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def kernel(rows: int, columns: int) -> Any:
        return (rng.standard_normal((rows, columns)) / np.sqrt(rows)).astype(np.float32)

    weights = {
        "embed_tokens.weight": rng.standard_normal((VOCABULARY, HIDDEN)).astype(np.float32),
        "norm.weight": np.ones(HIDDEN, dtype=np.float32),
    }
    for index in range(LAYERS):
        prefix = f"layers.{index}"
        for norm in ("input_norm", "mlp_norm"):
            weights[f"{prefix}.{norm}.weight"] = np.ones(HIDDEN, dtype=np.float32)
        width = (HEADS + 2 * KV_HEADS) * HEAD
        weights[f"{prefix}.attention.qkv.weight"] = kernel(HIDDEN, width)
        weights[f"{prefix}.attention.out.weight"] = kernel(HEADS * HEAD, HIDDEN)
        weights[f"{prefix}.mlp.gate_up.weight"] = kernel(HIDDEN, 2 * INNER)
        weights[f"{prefix}.mlp.down.weight"] = kernel(INNER, HIDDEN)
    return weights


def _bundle(directory: Path, weights: dict[str, Any]) -> Bundle:
    save_graphs({"model.onnx": build_decoder(SHAPE, weights, 128)}, directory, origin=directory)
    return _over(directory)


def _over(directory: Path) -> Bundle:
    graph = Graph("model.onnx", "fused", 18, optimization="basic", kv_cache="shared")
    manifest = Manifest(
        format=FORMAT, name="x", version="1", task="text-generation", heads={},
        source=Source("x"), graph=graph, max_length=128,
    )  # fmt: skip
    return Bundle(directory, manifest, verified=False)


def _samples(seed: int) -> list[Sample]:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, VOCABULARY, (6, 32))
    return [Sample(Window(0, row, np.zeros_like(row), [], [])) for row in ids]


def _logits(bundle: Bundle) -> list[Any]:
    graph = bundle.manifest.graph
    decoder = Decoder(Session(bundle.path / graph.file, optimization="basic"), "shared", 128)
    outputs = []
    for sample in _samples(1):
        decoder.reset()
        outputs.append(decoder.forward(sample.window.ids.tolist(), keep=32).copy())
    return outputs


def _error(tmp_path: Path, weights: dict[str, Any], precision: Any) -> float:
    fp32 = _bundle(tmp_path / "fp32", weights)
    quantizer = Quantizer(fp32, _samples(0), 8)
    out = tmp_path / precision
    quantizer.write(quantizer.choose(precision), table_precision(precision), out)
    return compare(_logits(fp32), _logits(_over(out))).relative


@pytest.mark.parametrize(
    ("precision", "most"),
    [
        ("int8-dynamic", 0.05),
        ("int8-static", 0.04),
        ("int8-hybrid", 0.03),
        ("int8-weight-only", 0.02),
        ("int4-weight-only", 0.35),
    ],
)
def test_every_form_stays_near_fp32(tmp_path: Path, precision: str, most: float) -> None:
    assert 0 < _error(tmp_path, _weights(), precision) < most


def test_static_ranges_survive_planted_outliers_that_dynamic_ones_do_not(tmp_path: Path) -> None:
    weights = _weights()
    for name, value in weights.items():
        if name.endswith("norm.weight"):
            value[[3, 50, 77]] *= 20
    for name in ("layers.0.mlp.gate_up.weight", "layers.1.mlp.gate_up.weight"):
        weights[name][[3, 50, 77]] /= 10
    dynamic = _error(tmp_path / "a", weights, "int8-dynamic")
    static = _error(tmp_path / "b", weights, "int8-static")
    assert static < 0.5 * dynamic


def _uneven(seed: int = 0) -> dict[str, Any]:
    """Return weights with unequal channels, norms that magnify a few, and biases."""
    rng = np.random.default_rng(seed)
    weights = _weights(seed)
    for name, value in list(weights.items()):
        if name.endswith("norm.weight"):
            weights[name] = value * np.exp(0.3 * rng.standard_normal(HIDDEN)).astype(np.float32)
            weights[name][[3, 50, 77]] *= 10
        elif name.startswith("layers."):
            spread = np.exp(0.5 * rng.standard_normal(value.shape[1]))
            weights[name] = value * spread.astype(np.float32)
            bias = name.replace(".weight", ".bias")
            weights[bias] = rng.standard_normal(value.shape[1]).astype(np.float32) * 0.1
    return weights


@pytest.mark.parametrize("head", ["tied", "untied"])
@pytest.mark.parametrize("change", [rotate, equalize])
def test_what_evens_channels_out_changes_no_output(tmp_path: Path, change: Any, head: str) -> None:
    weights = _uneven()
    if head == "untied":
        rng = np.random.default_rng(1)
        weights["lm_head.weight"] = rng.standard_normal((HIDDEN, VOCABULARY)).astype(np.float32)
    changed = change(weights, SHAPE)
    products = [name for name in weights if name.endswith(("qkv.weight", "down.weight"))]
    assert all(np.abs(changed[name] - weights[name]).max() > 0.01 for name in products)
    before = _logits(_bundle(tmp_path / "before", weights))
    after = _logits(_bundle(tmp_path / "after", changed))
    assert compare(before, after).max_rel < 1e-5


def test_even_channels_lose_less(tmp_path: Path) -> None:
    plain = _error(tmp_path / "plain", _uneven(), "int8-weight-only")
    turned = _error(tmp_path / "turned", equalize(rotate(_uneven(), SHAPE), SHAPE),
                    "int8-weight-only")  # fmt: skip
    assert turned < 0.9 * plain


def test_a_channel_that_the_last_norm_removes_is_not_rotated_away() -> None:
    weights = _weights()
    weights["norm.weight"][5] = 1e-6
    assert rotate(weights, SHAPE) is weights


@pytest.mark.parametrize("precision", ["int8-dynamic", "int8-static", "int4-weight-only"])
def test_the_head_and_the_embedding_are_stored_once(tmp_path: Path, precision: Any) -> None:
    _error(tmp_path, _weights(), precision)
    stored = (tmp_path / precision / "model.onnx.data").stat().st_size
    width = (HEADS + 2 * KV_HEADS) * HEAD
    layer = HIDDEN * (width + HEADS * HEAD + 2 * INNER) + INNER * HIDDEN
    parameters = LAYERS * layer + VOCABULARY * HIDDEN
    share = 0.5 + 4 / 64 if precision == "int4-weight-only" else 1.0
    assert stored < 1.25 * share * parameters + 64 * 4096


def test_without_dot_product_no_layer_is_weight_only(tmp_path: Path) -> None:
    _error(tmp_path, _weights(), "int8-static")
    graph = load_graph(tmp_path / "int8-static" / "model.onnx").graph
    operators = {node.op_type for node in graph.node}
    assert "MatMulIntegerToFloat" in operators
    assert "MatMulNBits" not in operators
    rows = {tensor.name: tensor.dims[0] for tensor in graph.initializer if tensor.dims}
    # what is left in fp32 are the few outlier channels
    assert all(rows[node.input[1]] <= 32 for node in graph.node if node.op_type == "MatMul")


@pytest.mark.parametrize("bits", [8, 4])
def test_blocks_are_what_the_kernel_multiplies_with(tmp_path: Path, bits: int) -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((24, 64)).astype(np.float32)
    blocks, scale = in_blocks(rows, bits, 32)
    builder = GraphBuilder()
    value = builder.input("x", ["n", 64], onnx.TensorProto.FLOAT)
    inputs = [value, builder.weight("q", blocks), builder.weight("s", scale)]
    product = builder.node(
        "MatMulNBits", inputs, domain=CONTRIB, output="y", K=64, N=24, bits=bits, block_size=32
    )
    builder.output(product, ["n", 24])
    onnx.save(builder.model("one"), tmp_path / "one.onnx")
    identity = np.eye(64, dtype=np.float32)
    seen: Any = Session(tmp_path / "one.onnx").run({"x": identity})["y"].T
    step = np.repeat(np.abs(scale), 32, axis=1)
    off = np.abs(seen - rows)
    assert (off <= 1.01 * step).all()  # one end of the 4-bit range is a step short
    assert (off <= 0.51 * step).mean() > 0.97


def test_int8_columns_come_back_within_half_a_step() -> None:
    kernel = np.random.default_rng(0).standard_normal((50, 20)).astype(np.float32)
    kernel[:, 4] = 0
    for bits in (8, 7):
        quantized, scale = per_column(kernel, bits)
        assert np.abs(quantized).max() == 2 ** (bits - 1) - 1
        assert (np.abs(quantized * scale - kernel) <= 0.5001 * scale).all()


def test_the_layer_that_int8_hurts_is_found_and_left_finer(tmp_path: Path) -> None:
    weights = _weights()
    # the same function in fp32; in int8 one row fills the range of every column
    weights["layers.1.mlp.down.weight"][7] *= 1000
    weights["layers.1.mlp.gate_up.weight"][:, INNER + 7] /= 1000
    fp32 = _bundle(tmp_path / "fp32", weights)
    quantizer = Quantizer(fp32, [], 8)
    reference = _logits(fp32)
    ranked = rank(
        quantizer,
        quantizer.choose("int8-dynamic"),
        lambda bundle: compare(reference, _logits(bundle)).relative,
    )
    assert ranked[0].layer == "layers.1.mlp.down"
    assert ranked[0].error > 3 * ranked[1].error

    def drop(chosen: Any) -> float:
        quantizer.write(chosen, "int8-dynamic", tmp_path / "tried")
        return 100 * compare(reference, _logits(_over(tmp_path / "tried"))).relative

    plain = drop(quantizer.choose("int8-dynamic"))
    found = search(ranked, quantizer.choose("int8-dynamic"), drop, plain / 2)
    assert found.finer == ["layers.1.mlp.down"]
    assert found.drop < plain / 2
    operators = [n.op_type for n in load_graph(tmp_path / "tried" / "model.onnx").graph.node]
    assert operators.count("MatMul") == 1


ALL: dict[str, Precision] = dict.fromkeys((f"p{i}" for i in range(40)), "int8-dynamic")


@pytest.mark.parametrize("needed", [1, 2, 3, 7, 19, 20])
def test_the_search_leaves_as_few_layers_finer_as_it_takes(needed: int) -> None:
    ranked = [Sensitivity(f"p{i}", 1.0 / (i + 1)) for i in range(40)]

    def drop(chosen: dict[str, Any]) -> float:
        return 0.0 if list(chosen.values()).count("fp32") >= needed else 5.0

    assert len(search(ranked, ALL, drop, 1.0).finer) == needed


def test_the_search_stops_at_half_of_the_layers() -> None:
    ranked = [Sensitivity(f"p{i}", 1.0) for i in range(40)]
    tried: list[int] = []

    def drop(chosen: dict[str, Any]) -> float:
        tried.append(list(chosen.values()).count("fp32"))
        return 50.0 - tried[-1]

    found = search(ranked, ALL, drop, 1.0)
    assert (len(found.finer), found.drop) == (20, 30.0)
    assert max(tried) == 20
