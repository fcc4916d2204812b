"""One encoder against two: what is compared, and what the figures are made to say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra `export`")
pytest.importorskip("torch", reason="needs the extra `export`")

from benchmarks.sharing.__main__ import main
from benchmarks.sharing.comparison import compare
from benchmarks.sharing.cost import Cost
from benchmarks.sharing.measures import Measure
from benchmarks.sharing.results import Length, conclusion
from benchmarks.sharing.training import make_bundle
from benchmarks.sharing.variants import ALL, SENTENCE, TAGGING, divided, folder_name, shortened
from edge_export.evaluation.metrics import Score, share
from edge_export.train.load import load_recipe
from edge_export.train.parts import divide
from edge_runtime.tasks.encoder import Encoder
from tests.export.conftest import save_model

pytestmark = pytest.mark.export

RECIPE = """
name = "tiny"
base = "{base}"
max_length = 32

[training]
learning_rate = 3e-3
head_learning_rate = 1e-2
anchor_texts = 40
anchor_weight = 0.1
patience = 2

[heads.intent]
out_of_scope = "oos"

[heads.embedding]

[[sources]]
head = "intent"
train = "commands.tsv"
dev = "commands_dev.tsv"

[[sources]]
head = "entities"
train = "names.conll"
dev = "names_dev.conll"
"""

TEXTS = {
    "light": "turn on the light in the kitchen",
    "weather": "what is the weather like tomorrow",
    "oos": "millions of people watched it on television",
}
ENDINGS = {"": ["", "now", "please", "today"], "_dev": ["again", "you know"]}
PEOPLE = {"": ["Angela", "Ursula", "Marie"], "_dev": ["Sarah", "Emily"]}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    base = save_model(tmp_path / "base", "BertModel")
    (tmp_path / "recipe.toml").write_text(RECIPE.format(base=base))
    for part, endings in ENDINGS.items():
        rows = [f"{label}\t{text} {end}" for label, text in TEXTS.items() for end in endings]
        (tmp_path / f"commands{part}.tsv").write_text("\n".join(["label\ttext", *rows * 5]))
        blocks = [f"{name}\tB-PERSON\nmet\tO\nTim\tB-PERSON" for name in PEOPLE[part]]
        (tmp_path / f"names{part}.conll").write_text("\n\n".join(blocks * 10))
    return tmp_path


def test_each_variant_has_its_heads_with_all_their_rows(data: Path) -> None:
    recipe = shortened(load_recipe(str(data / "recipe.toml")), 2.0)
    parts = divide(recipe, data)
    whole, sentence, tagging = (
        divided(recipe, parts, variant) for variant in (ALL, SENTENCE, TAGGING)
    )
    assert whole[1].train == {**sentence[1].train, **tagging[1].train}
    assert set(sentence[0].heads) == {"intent", "embedding"}
    assert set(tagging[0].heads) == {"entities"}
    # 60 commands of 90 rows: as large a share of them is anchored
    anchors = [each.training.anchor_texts for each, _ in (whole, sentence, tagging)]
    assert anchors == [40, 27, 0]
    assert len({folder_name(each, "x") for each, _ in (whole, sentence, tagging)}) == 3


def test_a_gain_is_of_the_same_texts() -> None:
    right = np.random.default_rng(1).random(200) < 0.5
    ours, theirs = right, right | (np.arange(200) < 40)
    one, two = (Measure("intent", "d", "accuracy", 200, share(each)) for each in (ours, theirs))
    ((comparison, gains),) = [(c.comparison, c.gains) for c in compare(SENTENCE, [one], [two])]
    gain = comparison.gain
    assert gain.value == pytest.approx(theirs.mean() - right.mean(), abs=1e-4)
    assert gain.value is not None
    assert gain.low is not None
    assert 0 < gain.low < gain.value
    assert comparison.differs == 1
    assert gains.min() >= 0  # no text is lost, so no sample of them is worse
    (swapped,) = compare(SENTENCE, [two], [one])
    assert swapped.comparison.differs == -1


@pytest.mark.parametrize(
    ("low", "value", "said"),
    [
        (0.004, 0.02, "beyond chance for: tagging heads."),
        (-0.001, 0.02, "one forward pass."),
        (0.001, 0.005, "one forward pass."),
    ],
)
def test_two_passes_are_worth_it_for_a_point_beyond_chance(
    low: float, value: float, said: str
) -> None:
    means = {SENTENCE: Score(-0.01, -0.02, 0.01), TAGGING: Score(value, low, 0.03)}
    lengths = [Length(epochs, None, [], [], means) for epochs in (0.1, 0.4)]
    text = conclusion(lengths, [Cost("files, MB", 25, 50, 2.0)])
    assert "After 0.1 epochs it was" in text
    assert text.endswith(said)
    assert "files, MB x 2.00" in text


def test_a_training_begins_where_a_bundle_ended(data: Path) -> None:
    recipe = shortened(load_recipe(str(data / "recipe.toml")), 10.0)
    parts = divide(recipe, data)
    bundle = make_bundle(recipe, parts, data, data / "whole")
    still = shortened(recipe, 0.01, rates=1e-6)
    own_recipe, own_parts = divided(still, parts, SENTENCE)
    started = make_bundle(own_recipe, own_parts, data, data / "started", bundle)
    assert started.manifest.report["steps"] == 1
    assert set(started.manifest.heads) == {"intent", "embedding"}
    outputs = [Encoder(each).encode([TEXTS["light"]])[0] for each in (bundle, started)]
    was, became = (each.mean("intent") for each in outputs)
    assert np.ptp(was) > 1  # the heads learned something
    assert became == pytest.approx(was, abs=0.05 * float(np.ptp(was)))  # quantized twice


def test_both_are_trained_measured_and_timed(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "--data", str(data), "--recipe", str(data / "recipe.toml"), "--epochs", "4", "--rounds",
        "2", "--work", str(data / "work"), "--out", str(data / "out"),
    ]  # fmt: skip
    assert main(arguments) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    (length,) = document["lengths"]
    assert [each["variant"] for each in length["trained"]] == [ALL, SENTENCE, TAGGING]
    assert all(each["steps"] > 0 for each in length["trained"])
    measured = {(each["head"], each["metric"]) for each in length["comparisons"]}
    assert measured == {
        ("intent", "accuracy"), ("intent", "out of scope: AUROC"), ("entities", "F1"),
    }  # fmt: skip
    ratios = {each["quantity"]: each["ratio"] for each in document["costs"]}
    assert set(ratios) == {
        "16 tokens, CPU ms", "32 tokens, CPU ms", "files, MB", "peak RSS, MB",
    }  # fmt: skip
    assert ratios["files, MB"] == pytest.approx(2, abs=0.1)
    assert document["conclusion"] in (data / "out" / "table.md").read_text()

    made = sorted((data / "work").rglob("model.onnx.data"))
    times = [path.stat().st_mtime_ns for path in made]
    assert main(arguments) == 0  # goes on from what is there
    assert [path.stat().st_mtime_ns for path in made] == times
