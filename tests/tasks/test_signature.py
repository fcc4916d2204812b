from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs the extra `export`")

from edge_runtime.bundles.manifest import Head
from edge_runtime.errors import BundleError
from edge_runtime.tasks.encoder import Encoder
from tests.tasks.graphs import Form, bundle_of, table

pytestmark = pytest.mark.export

LABEL = Head(type="classification", output="logits", labels=["a", "b"])
TAGS = Head(type="tagging", output="tags", labels=["O", "B-x"])
VECTOR = Head(type="embedding", output="vector", pooling="mean")
NONE = Head(type="embedding", output="vector")
SPAN = Head(type="span", output="start_logits")


EACH = Form(first=())


@pytest.mark.parametrize(
    ("head", "tables", "form", "says"),
    [
        (LABEL, {"other": table(2, {})}, EACH, r"no output 'logits'.*it has other"),
        (LABEL, {"logits": table(3, {})}, Form(), r"'logits'.*\[texts, 3\].*2 labels"),
        (LABEL, {"logits": table(2, {})}, EACH, r"'logits'.*wants \[texts, 2 labels\]"),
        (TAGS, {"tags": table(3, {})}, EACH, r"'tags'.*\[texts, tokens, 3\].*2 labels"),
        (TAGS, {"tags": table(2, {})}, Form(pooled=("tags",)), r"wants \[texts, tokens, 2 lab"),
        (SPAN, {"start_logits": table(1, {})[:, 0]}, EACH, "no output 'end_logits'"),
        (NONE, {"vector": table(2, {})}, EACH, r"\[texts, tokens, 2\].*wants \[texts, hidden\]"),
        (LABEL, {"logits": table(2, {})}, Form(inputs=("input_ids", "pixels")), "takes input_ids"),
    ],
)
def test_a_graph_that_does_not_fit_is_refused_when_it_is_opened(
    tmp_path: Path, head: Head, tables: Any, form: Form, says: str
) -> None:
    with pytest.raises(BundleError, match=says) as caught:
        Encoder(bundle_of(tmp_path, {"x": head}, tables, form))
    assert "model.onnx" in str(caught.value)


@pytest.mark.parametrize(
    ("head", "output", "says"),
    [
        (LABEL, "logits", r"'logits'.*\[1, 3\].*2 labels"),
        (TAGS, "tags", r"'tags'.*\[1, 4, 3\].*2 labels"),
    ],
)
def test_a_graph_that_declares_nothing_is_refused_when_it_runs(
    tmp_path: Path, head: Head, output: str, says: str
) -> None:
    bundle = bundle_of(tmp_path, {"x": head}, {output: table(3, {})}, Form(undeclared=True))
    encoder = Encoder(bundle)
    with pytest.raises(BundleError, match=says) as caught:
        encoder.encode(["ab"])
    assert "model.onnx" in str(caught.value)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("head", "output"), [(LABEL, "logits"), (TAGS, "tags"), (VECTOR, "vector")]
)
def test_what_is_no_number_is_an_error_that_names_file_and_output(
    tmp_path: Path, head: Head, output: str, number: float
) -> None:
    bundle = bundle_of(tmp_path, {"x": head}, {output: table(2, {"b": [1.0, number]})})
    encoder = Encoder(bundle)
    assert encoder.encode(["aa"])
    with pytest.raises(BundleError, match=rf"model\.onnx: output {output} of head 'x'"):
        encoder.encode(["ba"])


def test_a_span_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    tables = {name: table(1, {"b": [np.nan]})[:, 0] for name in ("start_logits", "end_logits")}
    encoder = Encoder(bundle_of(tmp_path, {"x": SPAN}, tables))
    with pytest.raises(BundleError, match="start_logits and end_logits"):
        encoder.encode(["b"])
