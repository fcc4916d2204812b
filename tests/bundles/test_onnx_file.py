from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_runtime.bundles.onnx_file import read_onnx
from edge_runtime.bundles.store import Store
from edge_runtime.errors import BundleError

from . import tiny_onnx as tiny


def _nodes(graph: Any) -> Iterator[Any]:
    """Yield the nodes, those of its branches before each."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)
        yield node


def test_it_reads_what_the_onnx_package_reads() -> None:
    onnx = pytest.importorskip("onnx", reason="needs the extra `export`")
    path = Store(None).find("assistant") / "model.onnx"
    graph = onnx.load(path, load_external_data=False).graph
    found = read_onnx(path)
    assert list(found.inputs) == [value.name for value in graph.input]
    assert list(found.outputs) == [value.name for value in graph.output]
    nodes = list(_nodes(graph))
    assert [node.operator for node in found.nodes] == [node.op_type for node in nodes]
    assert [node.inputs for node in found.nodes] == [tuple(node.input) for node in nodes]
    assert {name: each.shape for name, each in found.weights.items()} == {
        each.name: tuple(each.dims) for each in graph.initializer
    }
    large = {each.name: each for each in graph.initializer if each.external_data}
    assert large
    for name, each in large.items():
        entries = {entry.key: entry.value for entry in each.external_data}
        assert found.weights[name].location == entries["location"]
        assert found.weights[name].size_bytes == int(entries["length"])


def test_branches_count_like_the_graph_itself(tmp_path: Path) -> None:
    inner = tiny.field(1, tiny.field(4, "GroupQueryAttention"))
    branch = tiny.field(5, tiny.field(1, "then_branch") + tiny.field(6, inner))
    outer = tiny.field(1, tiny.field(4, "If") + branch) + tiny.field(12, tiny.field(1, "logits"))
    (tmp_path / "m.onnx").write_bytes(tiny.field(7, outer))
    assert read_onnx(tmp_path / "m.onnx").operators == {"If", "GroupQueryAttention"}


def test_a_bottomless_graph_is_refused(tmp_path: Path) -> None:
    content = b""
    for _ in range(3000):
        content = tiny.field(1, tiny.field(5, tiny.field(6, content)))
    (tmp_path / "m.onnx").write_bytes(tiny.field(7, content))
    with pytest.raises(BundleError, match=r"m\.onnx is no ONNX file"):
        read_onnx(tmp_path / "m.onnx")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.integers(0, len(tiny.DECODER)))
def test_broken_files_are_never_anything_else_than_an_error(
    tmp_path: Path, noise: bytes, at: int
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(tiny.DECODER[:at] + noise + tiny.DECODER[at + len(noise) :])
    with contextlib.suppress(BundleError):  # any other error fails
        assert read_onnx(path).outputs
