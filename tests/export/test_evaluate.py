from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from edge_export.bundle import write_bundle
from edge_export.cli.app import app
from edge_export.evaluate import evaluate
from edge_export.evaluation.measurement import Data
from edge_export.evaluation.metrics import (
    Metric,
    Score,
    macro_f1,
    ratio,
    resamples,
    score,
    share,
    wilson,
)
from edge_runtime.bundles.manifest import Calibration, Graph, Head, Manifest, Source, Task
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.errors import ConfigError, UnsupportedTaskError
from edge_runtime.tasks.encoder import Encoder, Encoding

onnx = pytest.importorskip("onnx", reason="needs the extra `export`")
tokenizers = pytest.importorskip("tokenizers")

Table = Mapping[str, Sequence[float]]


def write_model(directory: Path, tables: Mapping[str, tuple[Head, Table]]) -> Path:
    """Write a graph in which every word has its own logits, and a text the sum of its words'.

    ``tables`` has, for each output, the head and the logits by word; all have the same words.
    """
    directory.mkdir(parents=True)
    words = list(next(iter(tables.values()))[1])
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel(
            {word: i for i, word in enumerate(["[PAD]", "[UNK]", *words])}, unk_token="[UNK]"
        )
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(directory / "tokenizer.json"))
    nodes, weights, outputs = [], [], []
    helper = onnx.helper
    for name, (head, table) in tables.items():
        width = len(table[words[0]])
        rows = np.array([[0.0] * width, [0.0] * width, *(table[word] for word in words)])
        weights.append(onnx.numpy_helper.from_array(rows.astype(np.float32), f"{name}.table"))
        pooled = head.type in {"classification", "embedding"}
        looked_up = f"{name}.rows" if pooled else name
        nodes.append(helper.make_node("Gather", [f"{name}.table", "input_ids"], [looked_up]))
        if head.type == "span":
            nodes[-1].output[0] = f"{name}.pair"
            nodes.append(helper.make_node("Split", [f"{name}.pair"], ["one", "two"], axis=-1,
                                          num_outputs=2))  # fmt: skip
            nodes += [helper.make_node("Squeeze", [half, "last"], [out])
                      for half, out in (("one", name), ("two", "end_logits"))]  # fmt: skip
            outputs.append("end_logits")
        elif pooled:
            nodes.append(helper.make_node("ReduceSum", [looked_up, "tokens"], [name], keepdims=0))
        outputs.append(name)
    weights.append(onnx.numpy_helper.from_array(np.array([1]), "tokens"))
    weights.append(onnx.numpy_helper.from_array(np.array([-1]), "last"))
    graph = helper.make_graph(
        nodes,
        "words",
        [helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["b", "s"])],
        [helper.make_tensor_value_info(o, onnx.TensorProto.FLOAT, None) for o in outputs],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.save_model(model, directory / "model.onnx")
    return directory


def make_bundle(directory: Path, tables: Mapping[str, tuple[Head, Table]], **fields: Any) -> Bundle:
    """Write and open a bundle around ``write_model``; its heads have their outputs' names."""
    files = write_model(directory.with_name(f"{directory.name}-files"), tables)
    task: Task = "text-classification"
    manifest = Manifest(
        format=1,
        name="words",
        version="1",
        task=task,
        heads={name: head for name, (head, _) in tables.items()},
        source=Source("test"),
        graph=Graph(file="model.onnx", form="test", opset=18),
        **fields,
    )
    write_bundle(files, manifest, directory)
    return Store(None).open(str(directory))


def labels(*names: str, **fields: Any) -> Head:
    return Head(type="classification", output="intent", labels=list(names), **fields)


FRUIT: Table = {"apple": [4, 0, 0], "pear": [0, 3, 0], "what": [0, 0, 2], "hm": [0.2, 0, 0]}
TAGS = Head(type="tagging", output="entities", labels=["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
NAMES: Table = {
    "ada": [0, 5, 0, 0, 0],
    "lovelace": [0, 0, 5, 0, 0],
    "paris": [0, 0, 0, 2, 0],
    "in": [5, 0, 0, 0, 0],
}


def rows(path: Path, *pairs: tuple[str, str], columns: str = "text\tlabel") -> Path:
    path.write_text("\n".join([columns, *(f"{text}\t{label}" for text, label in pairs)]) + "\n")
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def fruit(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "fruit", {"intent": (labels("apple", "pear", "oos"), FRUIT)})


def test_accuracy_confusion_and_the_surest_mistakes(fruit: Bundle, tmp_path: Path) -> None:
    data = rows(
        tmp_path / "data.tsv",
        *[("apple", "apple")] * 5, *[("pear", "pear")] * 2, ("what", "oos"),
        ("hm", "pear"), ("apple", "oos"),
    )  # fmt: skip
    result = evaluate(fruit, Data(data))
    assert (result.n, result.head, result.verified) == (10, "intent", True)
    accuracy = result.metrics["accuracy"]
    # Wilson's interval for 8 of 10
    assert accuracy.value == 0.8
    assert (accuracy.low, accuracy.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert result.confusion == [[5, 0, 0], [1, 2, 0], [1, 0, 1]]
    assert [each.text for each in result.mistakes] == ["apple", "hm"]
    assert result.mistakes[0].confidence == pytest.approx(math.exp(4) / (math.exp(4) + 2), abs=1e-4)
    times = [each.ms for each in result.slowest]
    assert times == sorted(times, reverse=True)
    assert times[0] >= result.latency_ms["p95"] >= result.latency_ms["p50"] > 0


def test_what_the_calibration_promised_is_looked_at(tmp_path: Path) -> None:
    calibration = Calibration(
        features=["margin"], weights=[1.0], bias=0.0, alpha=0.05, delta=0.05, n=100,
        threshold=0.9, coverage=0.5, auroc=0.9, evaluation="test",
    )  # fmt: skip
    bundle = make_bundle(
        tmp_path / "b",
        {"intent": (labels("apple", "pear", "oos", out_of_scope="oos"), FRUIT)},
        calibration={"intent": calibration},
    )
    data = rows(
        tmp_path / "data.tsv",
        *[("apple", "apple")] * 3, ("apple", "pear"), ("what what what", "oos"), ("hm", "apple"),
    )  # fmt: skip
    metrics = evaluate(bundle, Data(data)).metrics
    # margins 4 and 6 are over 0.9, and what is out of scope is never given as an answer
    assert metrics["coverage"].value == pytest.approx(4 / 6, abs=1e-4)
    assert metrics["selective_error"].value == 0.25
    assert metrics["oos_recall"].value == 1.0
    assert metrics["in_scope_accuracy"].value == 0.8


def test_spans_are_scored_and_confused_by_label(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", {"entities": (TAGS, NAMES)})
    data = tmp_path / "data.conll"
    data.write_text(
        "ada\tB-PER\nlovelace\tI-PER\nin\tO\nparis\tB-LOC\n\n"  # two right
        "paris\tB-PER\n\n"  # another label
        "in\tB-LOC\nada\tO\n"  # one missed, one made up
    )
    result = evaluate(bundle, Data(data))
    assert result.labels == ["O", "PER", "LOC"]
    assert result.confusion == [[0, 1, 0], [0, 1, 1], [1, 0, 1]]
    assert {name: each.value for name, each in result.metrics.items()} == {
        "f1": 0.5, "precision": 0.5, "recall": 0.5, "exact_texts": 0.3333,
    }  # fmt: skip
    assert result.mistakes[0].truth == "in [LOC]"
    assert result.mistakes[0].answer == "ada [PER]"


def test_jsonl_spans_are_the_same(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", {"entities": (TAGS, NAMES)})
    data = tmp_path / "data.jsonl"
    spans = [{"start": 3, "end": 15, "label": "PER"}]
    data.write_text(json.dumps({"text": "in ada lovelace", "spans": spans}) + "\n")
    assert evaluate(bundle, Data(data)).metrics["f1"].value == 1.0


def test_answers_are_scored_as_squad_does(tmp_path: Path) -> None:
    head = Head(type="span", output="start_logits")
    table: Table = {"who": [0, 0], "ada": [4, 0], "lovelace": [0, 4], "met": [0, 0], "tim": [0, 0]}
    bundle = make_bundle(tmp_path / "b", {"start_logits": (head, table)})
    data = tmp_path / "data.jsonl"
    asked = [
        {"question": "who", "context": "met ada lovelace", "answers": ["The Ada, Lovelace!"]},
        {"question": "who", "context": "ada lovelace met", "answers": {"text": ["ada", "tim"]}},
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in asked))
    result = evaluate(bundle, Data(data))
    assert result.metrics["exact_match"].value == 0.5
    assert result.metrics["f1"].value == pytest.approx((1 + 2 / 3) / 2, abs=1e-4)
    assert [(each.truth, each.answer) for each in result.mistakes] == [("ada", "ada lovelace")]


def test_a_directory_without_a_manifest_is_scored_too(tmp_path: Path) -> None:
    head = Head(type="classification", output="logits")
    found = write_model(tmp_path / "found", {"logits": (head, FRUIT)})
    config = {
        "architectures": ["BertForSequenceClassification"],
        "id2label": {"0": "apple", "1": "pear", "2": "oos"},
    }
    (found / "config.json").write_text(json.dumps(config))
    data = rows(tmp_path / "data.tsv", ("apple", "apple"), ("pear", "apple"))
    result = run("evaluate", found, "--data", data, "--json")
    document = json.loads(result.stdout)
    assert (document["verified"], document["metrics"]["accuracy"]["value"]) == (False, 0.5)


def test_the_text_names_metrics_confusions_and_examples(fruit: Bundle, tmp_path: Path) -> None:
    data = rows(tmp_path / "d.tsv", ("apple", "apple"), ("pear", "oos"), columns="utterance\tkind")
    result = run("evaluate", fruit.path, "--data", data, "--text", "utterance", "--label", "kind")
    assert "accuracy           0.5000  [0.0945, 0.9055]" in result.stdout
    assert "1  oos -> pear" in result.stdout
    assert "0.91  oos -> pear  pear" in result.stdout
    assert "evaluate" in result.stderr
    assert "text/s" in result.stderr


@pytest.mark.parametrize(
    ("heads", "arguments", "error", "says"),
    [
        ({}, ["--data", "no.tsv"], ConfigError, "no file"),
        ({}, ["--data", "data.tsv"], ConfigError, r"data\.tsv:3: 'plum' is no label of head"),
        ({}, ["--data", "data.tsv", "--label", "colour"], ConfigError, "no 'colour'"),
        ({}, ["--data", "data.tsv", "--head", "mood"], UnsupportedTaskError, "no head 'mood'"),
        ({"mood": labels("a", "b", "c")}, ["--data", "data.tsv"], UnsupportedTaskError, "--head"),
        (
            {"vector": Head(type="embedding", output="vector")},
            ["--data", "data.tsv", "--head", "vector"],
            UnsupportedTaskError,
            "not right or wrong by itself",
        ),
        (
            {"many": labels("a", "b", "c", multi_label=True)},
            ["--data", "data.tsv", "--head", "many"],
            UnsupportedTaskError,
            "several labels",
        ),
    ],
)
def test_what_cannot_be_scored_is_one_clear_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    heads: dict[str, Head],
    arguments: list[str],
    error: type[Exception],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    rows(tmp_path / "data.tsv", ("apple", "apple"), ("pear", "plum"))
    tables = {"intent": (labels("apple", "pear", "oos"), FRUIT)}
    tables |= {name: (head, FRUIT) for name, head in heads.items()}
    make_bundle(tmp_path / "b", tables)
    result = run("evaluate", "b", *arguments)
    assert isinstance(result.exception, error)
    assert result.stdout == ""
    with pytest.raises(error, match=says):
        raise result.exception


def test_a_bundle_of_vectors_only_is_refused(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", {"v": (Head(type="embedding", output="v"), FRUIT)})
    with pytest.raises(UnsupportedTaskError, match="trained on labels"):
        evaluate(bundle, Data(tmp_path / "none.tsv"))


def test_a_tagging_label_that_is_unknown_is_named_with_its_line(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", {"entities": (TAGS, NAMES)})
    data = tmp_path / "data.conll"
    data.write_text("in\tO\n\nada\tB-PERSON\n")
    with pytest.raises(ConfigError, match=r"data\.conll:3: 'PERSON' is no label"):
        evaluate(bundle, Data(data))


def test_texts_go_through_the_model_one_by_one_as_on_a_device(
    fruit: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    encode = Encoder.encode

    def counted(encoder: Encoder, texts: Sequence[str]) -> list[Encoding]:
        sizes.append(len(texts))
        return encode(encoder, texts)

    monkeypatch.setattr(Encoder, "encode", counted)
    data = rows(tmp_path / "data.tsv", *[("apple", "apple"), ("pear", "pear")] * 3)
    evaluate(fruit, Data(data))
    assert sizes == [1] * 7  # and once before the first is timed


@given(st.integers(1, 500), st.data())
def test_wilsons_bounds_are_where_the_score_test_turns(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    for bound in wilson(hits, n):
        if 1e-9 < bound < 1 - 1e-9:
            z = abs(hits / n - bound) / math.sqrt(bound * (1 - bound) / n)
            assert z == pytest.approx(1.959964, rel=1e-4)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_weights_count_texts_as_if_they_stood_there_so_often(
    texts: list[tuple[int, int, int]],
) -> None:
    truth, answer, times = np.array(texts).T
    weights = times.astype(float)
    if not times.any():
        return
    again = np.repeat(truth, times), np.repeat(answer, times)
    once = np.ones(len(again[0]))
    assert macro_f1(truth, answer, weights) == pytest.approx(macro_f1(*again, once))
    assert share(truth == answer).of(weights) == pytest.approx((again[0] == again[1]).mean())
    by_hand = []
    for label in np.unique(again[0]):
        hits = ((again[0] == label) & (again[1] == label)).sum()
        by_hand.append(2 * hits / ((again[0] == label).sum() + (again[1] == label).sum()))
    assert macro_f1(truth, answer, weights) == pytest.approx(np.mean(by_hand))


def _f1_of(n: int) -> Metric:
    rng = np.random.default_rng(0)
    hits, both = rng.integers(0, 2, n).astype(float), np.full(n, 2.0)
    return Metric(lambda weights: ratio(float(2 * weights @ hits), float(weights @ both)))


def test_a_bootstrap_interval_covers_narrows_and_repeats() -> None:
    wide, narrow = score(_f1_of(100), 100, 1), score(_f1_of(1600), 1600, 1)
    for each in (wide, narrow):
        assert each.low is not None
        assert each.value is not None
        assert each.high is not None
        assert each.low < each.value < each.high
    assert wide.high and wide.low and narrow.high and narrow.low  # noqa: PT018 - for mypy
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(4, rel=0.3)
    # the share of ones among n has a standard deviation of 0.5 / sqrt(n)
    assert narrow.high - narrow.low == pytest.approx(2 * 1.96 * 0.5 / 40, rel=0.15)
    assert score(_f1_of(100), 100, 1) == wide
    assert score(_f1_of(100), 100, 2) != wide


def test_a_metric_of_no_text_has_no_value() -> None:
    nothing = share(np.array([True]), np.array([False]))
    assert score(nothing, 1, 1) == Score(None, None, None)


def test_every_resample_draws_as_many_texts_as_there_are() -> None:
    drawn = list(resamples(7, 3))
    assert len(drawn) == 1000
    assert {weights.sum() for weights in drawn} == {7}
