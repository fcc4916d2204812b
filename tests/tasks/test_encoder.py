from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="needs the extra `export`")

from edge_runtime.bundles.manifest import Head, Pooling
from edge_runtime.errors import BadRequestError
from edge_runtime.tasks.classification import certainty, classify, text_logits
from edge_runtime.tasks.embedding import embed
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.tagging import tag
from tests.inference.test_tokenizer import texts
from tests.tasks.graphs import Form, bundle_of, table

pytestmark = pytest.mark.export

VECTOR = {"v": Head(type="embedding", output="vector", pooling="mean")}
TAGS = Head(type="tagging", output="tags", labels=["O", "B-x", "I-x", "y"])


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [("mean", [3, 6, 2]), ("cls", [1, 0, 0]), ("max", [3, 6, 1]), ("lasttoken", [0, 0, 1])],
)
def test_vectors_are_pooled_as_declared_and_without_the_padding(
    tmp_path: Path, pooling: Pooling, expected: list[float]
) -> None:
    rows = table(3, {"a": [3, 0, 1], "b": [0, 6, 1]})
    rows[0] = [1, 0, 0]  # <s>
    rows[2] = [0, 0, 1]  # </s>
    rows[1] = [99, 99, 99]  # padding
    expected = [1 + 3, 6, 3] if pooling == "mean" else expected
    head = {"v": Head(type="embedding", output="vector", pooling=pooling)}
    encoder = Encoder(bundle_of(tmp_path, head, {"vector": rows}))
    unit = np.array(expected) / np.linalg.norm(expected)
    for batch in (["ab"], ["ab", "aabbabab"]):
        assert embed("v", encoder.encode(batch)[0]).vector == pytest.approx(unit, abs=1e-6)


def test_a_graph_without_a_mask_never_sees_padding(tmp_path: Path) -> None:
    rows = table(2, {"a": [1, 0], "b": [0, 1]})
    rows[1] = [9, 9]
    encoder = Encoder(
        bundle_of(
            tmp_path, VECTOR, {"vector": rows}, Form(inputs=("input_ids",), pooled=("vector",))
        )
    )
    batch = ["a", "abb", "b", "bab", "aaaaaaaa"]
    together = [embed("v", each).vector for each in encoder.encode(batch)]
    assert together == [embed("v", encoder.encode([text])[0]).vector for text in batch]


def test_only_the_heads_that_are_asked_for_are_given(tmp_path: Path) -> None:
    heads = {**VECTOR, "t": TAGS}
    encoder = Encoder(bundle_of(tmp_path, heads, {"vector": table(2, {}), "tags": table(4, {})}))
    assert set(encoder.encode(["a"], ["v"])[0].outputs) == {"v"}
    assert set(encoder.encode(["a"])[0].outputs) == {"v", "t"}


def test_of_several_labels_one_holds_for_a_long_text_if_it_does_for_a_part(tmp_path: Path) -> None:
    # the first letter of each window of six letters decides; they share two
    rows = table(2, {"a": [-9, -2], "b": [4, -2]})
    for multi, label in ((True, "yes"), (False, "no")):
        head = Head(type="classification", output="logits", labels=["yes", "no"], multi_label=multi)
        bundle = bundle_of(tmp_path / str(multi), {"c": head}, {"logits": rows}, Form(max_length=8))
        encoding = Encoder(bundle).encode(["a" * 12 + "bbbb"])[0]
        assert len(encoding.windows) > 2
        assert classify("c", head, text_logits("c", head, encoding)).label == label


def test_the_certainty_of_several_labels_is_that_of_the_least_certain() -> None:
    logits = np.array([3.0, -5.0, -1.0], dtype=np.float32)
    assert certainty(logits) == pytest.approx(1 / (1 + np.exp(-1.0)), abs=1e-6)


def test_where_no_label_holds_there_are_no_candidates() -> None:
    head = Head(type="classification", output="x", labels=["a", "b"], multi_label=True)
    result = classify("x", head, np.array([-2.0, -3.0], dtype=np.float32))
    assert (result.label, result.candidates) == ("a", [])


# byte-level: each letter is a token, each word a run of them, and a tag is that of the first
def _tagger(tmp_path: Path, length: int = 32) -> Encoder:
    tags = {"B": [0, 9, 0, 0], "I": [0, 0, 9, 0], "y": [0, 0, 0, 9]}
    rows = table(4, {"Ġ": [0, 0, 0, 0], **tags})
    rows[:, 0] += 1
    return Encoder(bundle_of(tmp_path, {"t": TAGS}, {"tags": rows}, Form(max_length=length)))


def test_entities_are_whole_words_without_the_space_before_them(tmp_path: Path) -> None:
    text = "oh Bob Ivy. y Bob"
    # here a space is a token, and the first of the word that follows it
    encoder = _tagger(tmp_path)
    assert [e.text for e in tag("t", TAGS, encoder.encode(["Bob oh"])[0])] == ["Bob"]
    for entity in tag("t", TAGS, encoder.encode([text])[0]):
        assert text[entity.start : entity.end] == entity.text


@given(
    text=texts | st.text("BIy .\u0301👩\u200d東", max_size=80), length=st.sampled_from([8, 16, 64])
)
def test_spans_are_true_and_apart_in_any_text(
    tmp_path_factory: pytest.TempPathFactory, text: str, length: int
) -> None:
    encoder = _taggers(tmp_path_factory, length)
    entities = tag("t", TAGS, encoder.encode([text])[0])
    for entity in entities:
        assert 0 <= entity.start < entity.end <= len(text)
        assert text[entity.start : entity.end] == entity.text == entity.text.strip()
    assert all(left.end <= right.start for left, right in pairwise(entities))


_MADE: dict[int, Encoder] = {}


def _taggers(factory: pytest.TempPathFactory, length: int) -> Encoder:
    if length not in _MADE:
        _MADE[length] = _tagger(factory.mktemp("tagger"), length)
    return _MADE[length]


def test_the_windows_of_a_long_text_find_what_one_window_finds(tmp_path: Path) -> None:
    text = "B.I.y.a.B.I.I.a.y.y." * 8
    found = []
    for length in (16, 400):
        encoder = _tagger(tmp_path / str(length), length)
        found.append([(e.start, e.end, e.label) for e in tag("t", TAGS, encoder.encode([text])[0])])
    assert found[0] == found[1]
    assert len(found[0]) > 20


def test_a_lone_surrogate_is_refused_before_the_graph_runs(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="lone surrogate"):
        _tagger(tmp_path).encode(["a\ud800"])
