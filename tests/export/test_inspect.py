from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_export.inspection import inspect_bundle, inspect_graph
from edge_runtime.errors import BundleError, TamperedBundleError

from .test_evaluate import FRUIT, labels, make_bundle, run

onnx = pytest.importorskip("onnx", reason="needs the extra `export`")
helper, numpy_helper, FLOAT = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT


def _external(name: str, shape: list[int], **place: int | str) -> Any:
    tensor = onnx.TensorProto(name=name, data_type=FLOAT, dims=shape)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in place.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def _graph(nodes: list[Any], initializers: list[Any], name: str = "g") -> Any:
    return helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", FLOAT, ["batch", 8, None])],
        [helper.make_tensor_value_info("y", FLOAT, ["batch", 8])],
        initializers,
    )


def _save(path: Path, graph: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())


def _weights(name: str, value: Any) -> Any:
    return numpy_helper.from_array(np.asarray(value), name)


def test_operators_precisions_and_the_largest_tensors(tmp_path: Path) -> None:
    graph = _graph(
        [
            helper.make_node("MatMul", ["x", "kernel"], ["a"]),
            helper.make_node("MatMul", ["a", "kernel"], ["b"]),
            helper.make_node("Gelu", ["b"], ["y"], domain="com.microsoft"),
        ],
        [
            _weights("kernel", np.zeros((8, 8), np.float32)),
            _weights("small", np.zeros(3, np.int8)),
            _weights("half", np.zeros(5, np.float16)),
        ],
    )
    _save(tmp_path / "model.onnx", graph)
    found = inspect_graph(tmp_path, "model.onnx")
    assert found.operators == {"MatMul": 2, "com.microsoft.Gelu": 1}
    assert found.precisions == {"float32": 256, "float16": 10, "int8": 3}
    assert found.size_bytes == 269
    assert [each.name for each in found.largest] == ["kernel", "half", "small"]
    assert found.opsets == {"ai.onnx": 18, "com.microsoft": 1}
    assert (found.inputs[0].type, found.inputs[0].shape) == ("float32", ["batch", 8, "?"])
    assert found.outputs[0].shape == ["batch", 8]


def test_weights_are_described_without_being_read(tmp_path: Path) -> None:
    huge = _external("huge", [10**6, 10**6], location="absent.data", length=4 * 10**12)
    graph = _graph([], [huge])
    _save(tmp_path / "model.onnx", graph)
    assert inspect_graph(tmp_path, "model.onnx").precisions == {"float32": 4 * 10**12}


def test_the_same_bytes_of_one_file_count_once(tmp_path: Path) -> None:
    graph = _graph(
        [],
        [
            _external("embedding", [4, 4], location="data", offset=64, length=64),
            _external("lm_head", [4, 4], location="data", offset=64, length=64),
            _external("next", [4, 4], location="data", offset=128, length=64),
            _external("other_file", [4, 4], location="more", offset=64, length=64),
        ],
    )
    _save(tmp_path / "model.onnx", graph)
    found = inspect_graph(tmp_path, "model.onnx")
    assert (found.size_bytes, found.shared_bytes) == (192, 64)
    assert [each.name for each in found.largest] == ["embedding", "next", "other_file"]


def test_subgraphs_count_too(tmp_path: Path) -> None:
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=_weights("", np.zeros(6, np.int64)))],
        "then", [], [helper.make_tensor_value_info("c", onnx.TensorProto.INT64, [6])],
        [_weights("inner", np.zeros(5, np.float64))],
    )  # fmt: skip
    nested = helper.make_graph(
        [helper.make_node("If", ["x"], ["c"], then_branch=branch, else_branch=branch)],
        "else", [], [helper.make_tensor_value_info("c", onnx.TensorProto.INT64, [6])],
    )  # fmt: skip
    node = helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=nested)
    _save(tmp_path / "model.onnx", _graph([node], []))
    found = inspect_graph(tmp_path, "model.onnx")
    assert found.operators == {"Constant": 3, "If": 2}
    assert found.precisions == {"int64": 3 * 48, "float64": 3 * 40}


def test_packed_weights_are_named_by_their_bits(tmp_path: Path) -> None:
    quantized = helper.make_node(
        "MatMulNBits", ["x", "packed", "scale"], ["y"], domain="com.microsoft", bits=4, K=32, N=2
    )
    whole = helper.make_node(
        "MatMulNBits", ["x", "bytes", "scale"], ["z"], domain="com.microsoft", bits=8, K=32, N=2
    )
    graph = _graph(
        [quantized, whole],
        [
            _weights("packed", np.zeros((2, 1, 16), np.uint8)),
            _weights("bytes", np.zeros((2, 1, 32), np.uint8)),
            _weights("scale", np.zeros(2, np.float32)),
            helper.make_tensor("int4", onnx.TensorProto.INT4, [3], [1, 2, 3]),
        ],
    )
    _save(tmp_path / "model.onnx", graph)
    assert inspect_graph(tmp_path, "model.onnx").precisions == {
        "uint8": 64, "4 bits in uint8": 32, "float32": 8, "int4": 2,
    }  # fmt: skip


def test_every_graph_has_its_section(tmp_path: Path) -> None:
    for name in ("encoder_model.onnx", "onnx/decoder_model.onnx"):
        _save(tmp_path / name, _graph([helper.make_node("Relu", ["x"], ["y"])], []))
    (tmp_path / "notes.txt").write_text("hello")
    found = inspect_bundle(tmp_path)
    assert [each.file for each in found.graphs] == ["encoder_model.onnx", "onnx/decoder_model.onnx"]
    assert found.model is None
    assert found.files["notes.txt"] == 5
    result = run("inspect", tmp_path)
    assert "no manifest" in result.stdout
    assert "onnx/decoder_model.onnx: 1 nodes, opset ai.onnx 18" in result.stdout


def test_a_bundle_tells_its_quantization(tmp_path: Path) -> None:
    bundle = make_bundle(
        tmp_path / "b",
        {"intent": (labels("a", "b", "c"), FRUIT)},
        quantization={"heads": "fp32"},
        target="pi5",
    )
    document = json.loads(run("inspect", bundle.path, "--json").stdout)
    assert (document["target"], document["quantization"]) == ("pi5", {"heads": "fp32"})
    assert document["graphs"][0]["operators"] == {"Gather": 1, "ReduceSum": 1}
    assert "heads: fp32" in run("inspect", bundle.path).stdout


def test_a_changed_bundle_is_not_described(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", {"intent": (labels("a", "b", "c"), FRUIT)})
    (bundle.path / "tokenizer.json").write_text("{}")
    with pytest.raises(TamperedBundleError):
        inspect_bundle(bundle.path)


@pytest.mark.parametrize("content", [b"", b"no graph", b"\x00\xff" * 50])
def test_what_is_no_graph_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(BundleError, match=r"model\.onnx is no ONNX file"):
        inspect_bundle(tmp_path)


def test_a_directory_without_a_graph_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no \.onnx file"):
        inspect_bundle(tmp_path)
    with pytest.raises(BundleError, match="not a directory"):
        inspect_bundle(tmp_path / "nothing")
