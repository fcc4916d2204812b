from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edge_export import diff as diff_module
from edge_export.diff import changes, diff, difference, latency, mcnemar
from edge_export.evaluation.measurement import Data
from edge_export.evaluation.metrics import share
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import ConfigError

from .test_evaluate import FRUIT, NAMES, TAGS, Table, labels, make_bundle, rows, run

HEAD = labels("apple", "pear", "oos")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Bundle, Bundle]:
    worse: Table = {**FRUIT, "pear": [9, 0, 0]}
    return (
        make_bundle(tmp_path / "a", {"intent": (HEAD, FRUIT)}, quantization={"heads": "fp32"}),
        make_bundle(
            tmp_path / "b",
            {"intent": (labels("apple", "pear", "fig"), worse)},
            target="pi5",
            languages=["en", "de"],
        ),
    )


def test_the_manifest_fields_that_differ(pair: tuple[Bundle, Bundle]) -> None:
    found = {each.field: (each.a, each.b) for each in changes(*(each.manifest for each in pair))}
    assert found == {
        "heads.intent.labels": (["oos"], ["fig"]),
        "languages": ([], ["en", "de"]),
        "quantization.heads": ("fp32", None),
        "target": ("generic", "pi5"),
    }


def test_labels_in_another_order_are_a_change(tmp_path: Path) -> None:
    made = [
        make_bundle(tmp_path / name, {"intent": (labels(*order), FRUIT)}).manifest
        for name, order in (("a", "xyz"), ("b", "zyx"))
    ]
    assert [(each.a, each.b) for each in changes(*made)] == [([*"xyz"], [*"zyx"])]


def test_both_are_scored_on_the_same_texts(pair: tuple[Bundle, Bundle], tmp_path: Path) -> None:
    data = rows(
        tmp_path / "data.tsv", *[("apple", "apple")] * 14, *[("pear", "pear")] * 6,
        *[("hm", "pear")] * 2,
    )  # fmt: skip
    result = diff(*pair, Data(data))
    accuracy = result.metrics["accuracy"]
    assert (accuracy.a.value, accuracy.b.value) == (0.9091, 0.6364)
    assert accuracy.difference == pytest.approx(-6 / 22, abs=1e-4)
    assert accuracy.low is not None
    assert accuracy.high is not None
    assert accuracy.low < -6 / 22 < accuracy.high < 0
    assert result.mcnemar is not None
    assert (result.mcnemar.only_a, result.mcnemar.only_b) == (6, 0)
    assert result.mcnemar.p == pytest.approx(2 / 2**6)
    assert result.n == 22


def test_a_bundle_does_not_differ_from_itself(pair: tuple[Bundle, Bundle], tmp_path: Path) -> None:
    data = rows(tmp_path / "data.tsv", ("apple", "apple"), ("pear", "oos"), ("hm", "apple"))
    result = run("diff", pair[0].path, pair[0].path, "--data", data)
    assert "manifest: no difference" in result.stdout
    assert "accuracy           0.6667 -> 0.6667  +0.0000 [+0.0000, +0.0000]" in result.stdout
    assert "p = 1)" in result.stdout
    assert "(1.00 x)" in result.stdout


def test_the_difference_is_paired() -> None:
    rng = np.random.default_rng(0)
    first = rng.random(400) < 0.7
    second = first.copy()
    second[:8] = ~second[:8]
    paired = difference(share(first), share(second), 400, 1)
    apart = difference(share(first), share(rng.permutation(second)), 400, 1)
    assert paired.low is not None
    assert paired.high is not None
    assert apart.low is not None
    assert apart.high is not None
    # of 400 texts 8 changed: a standard deviation of about sqrt(8) / 400
    assert paired.high - paired.low == pytest.approx(2 * 1.96 * math.sqrt(8) / 400, rel=0.2)
    assert apart.high - apart.low > 4 * (paired.high - paired.low)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"), [(0, 0, 1.0), (3, 3, 1.0), (0, 5, 2 / 32), (9, 1, 22 / 1024)]
)
def test_mcnemar_is_the_exact_sign_test(only_a: int, only_b: int, p: float) -> None:
    assert mcnemar(only_a, only_b).p == pytest.approx(p)


def test_both_are_timed_in_turn_and_the_order_alternates(
    pair: tuple[Bundle, Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    now = [0.0]

    class Stub:
        def __init__(self, bundle: Bundle) -> None:
            self.name = bundle.path.name

        def encode(self, _: Sequence[str]) -> None:
            order.append(self.name)
            now[0] += {"a": 0.002, "b": 0.003}[self.name] * (1 + len(order))  # ever slower

    monkeypatch.setattr(diff_module, "Encoder", Stub)
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    found = latency(*pair, ["one", "two"])
    assert found is not None
    timed = "".join(order[-40:])
    assert timed == "ababbaba" * 5
    assert found.ratio == pytest.approx(1.5, rel=0.05)
    assert (found.texts, found.rounds) == (2, 10)


def test_sizes_latency_and_changes_stand_in_the_json(pair: tuple[Bundle, Bundle]) -> None:
    document = json.loads(run("diff", pair[0].path, pair[1].path, "--json").stdout)
    sizes = [sum(p.stat().st_size for p in each.path.iterdir()) for each in pair]
    assert document["size_bytes"] == sizes
    assert document["latency_ms"]["a_ms"] > 0
    assert document["metrics"] == {}
    assert {each["field"] for each in document["changes"]} >= {"target", "languages"}


def test_labels_that_one_of_them_does_not_know_are_refused(
    pair: tuple[Bundle, Bundle], tmp_path: Path
) -> None:
    data = rows(tmp_path / "data.tsv", ("apple", "apple"), ("what", "oos"))
    with pytest.raises(ConfigError, match=r"data\.tsv:3: 'oos' is no label"):
        diff(*pair, Data(data))


def test_taggers_are_compared_by_f1(tmp_path: Path) -> None:
    worse: Table = {**NAMES, "ada": [5, 0, 0, 0, 0]}
    made = [
        make_bundle(tmp_path / name, {"entities": (TAGS, table)})
        for name, table in (("a", NAMES), ("b", worse))
    ]
    data = tmp_path / "data.conll"
    data.write_text("ada\tB-PER\n\nparis\tB-LOC\nin\tO\n")
    result = diff(made[0], made[1], Data(data))
    f1 = result.metrics["f1"]
    assert (f1.a.value, f1.b.value) == (1.0, 0.6667)
    assert result.mcnemar is None
