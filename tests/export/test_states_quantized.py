"""That a decoder's graph gives its states costs quantization nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the extra `export`")

from edge_export.graphs.decoder import build_decoder  # noqa: E402
from edge_export.graphs.external import load_graph, save_graphs  # noqa: E402
from edge_export.quantize.model import Quantizer, table_precision  # noqa: E402
from edge_runtime.inference.decoder import STATES, Decoder  # noqa: E402
from edge_runtime.inference.session import Session  # noqa: E402
from tests.export.test_quantize import (  # noqa: E402
    HIDDEN,
    SHAPE,
    VOCABULARY,
    _logits,
    _over,
    _samples,
    _uneven,
)

pytestmark = pytest.mark.export


def _quantized(directory: Path, weights: dict[str, Any], precision: Any, *, states: bool) -> Path:
    graph = build_decoder(SHAPE, weights, 128)
    if not states:
        (output,) = [each for each in graph.graph.output if each.name == STATES]
        graph.graph.output.remove(output)
    fp32 = directory / "fp32"
    save_graphs({"model.onnx": graph}, fp32, origin=fp32)
    quantizer = Quantizer(_over(fp32), _samples(0), 8)
    out = directory / "quantized"
    quantizer.write(quantizer.choose(precision), table_precision(precision), out)
    return out


@pytest.mark.parametrize("head", ["tied", "untied"])
@pytest.mark.parametrize("precision", ["int8-static", "int8-hybrid", "int4-weight-only"])
def test_the_logits_are_the_same_with_states_and_without(
    tmp_path: Path, precision: str, head: str
) -> None:
    weights = _uneven()
    if head == "untied":
        rng = np.random.default_rng(1)
        weights["lm_head.weight"] = rng.standard_normal((HIDDEN, VOCABULARY)).astype(np.float32)
    given = _quantized(tmp_path / "with", weights, precision, states=True)
    plain = _quantized(tmp_path / "without", weights, precision, states=False)

    for ours, theirs in zip(_logits(_over(given)), _logits(_over(plain)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert STATES in {each.name for each in load_graph(given / "model.onnx").graph.output}
    decoder = Decoder(Session(given / "model.onnx", optimization="basic"), "shared", 128)
    decoder.watch()
    decoder.forward([3, 4, 5])
    assert decoder.state is not None
    assert np.ptp(decoder.state) > 0
