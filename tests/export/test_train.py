from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_export.cli.app import app
from edge_export.train.examples import Span, read_examples
from edge_export.train.recipe import Head, Source, load_recipe
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Store
from edge_runtime.errors import ConfigError
from edge_runtime.messages import Answer, Request

from .conftest import save_model

pytestmark = pytest.mark.export

RECIPE = """
name = "tiny"
version = "1"
base = "{base}"
base_model = "test/tiny"
licence = "Apache-2.0"
languages = ["en"]
max_length = 32
token_types = "case"

[training]
epochs = 30
batch_tokens = 256
learning_rate = 3e-3
head_learning_rate = 1e-2
anchor_texts = 20
anchor_weight = 0.1
recase = 0.2

[heads.intent]
type = "classification"
out_of_scope = "oos"

[heads.entities]
type = "tagging"
labels = ["PERSON", "LOCATION"]

[heads.embedding]
type = "embedding"

[[sources]]
head = "intent"
name = "commands"
licence = "own"
train = ["train.tsv"]
dev = ["dev.tsv"]

[[sources]]
head = "entities"
name = "names"
licence = "own"
train = ["names.conll"]
dev = ["names.conll"]
"""

WORDS = {
    "light": "turn on the light in the kitchen",
    "weather": "what is the weather like tomorrow",
    "oos": "millions of people watched it on television",
}


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    base = save_model(tmp_path / "base", "BertModel")
    (tmp_path / "recipe.toml").write_text(RECIPE.format(base=base))
    for name, copies in (("train", 40), ("dev", 60)):
        rows = [f"{label}\t{text}" for label, text in WORDS.items()] * copies
        (tmp_path / f"{name}.tsv").write_text("\n".join(["label\ttext", *rows]) + "\n")
    sentence = [("Angela", "B-PERSON"), ("met", "O"), ("Tim", "B-PERSON"), ("Cook", "I-PERSON"),
                ("in", "O"), ("Berlin", "B-LOCATION")]  # fmt: skip
    block = "\n".join(f"{token}\t{tag}" for token, tag in sentence)
    (tmp_path / "names.conll").write_text("\n\n".join([block] * 40) + "\n")
    return tmp_path


def test_a_recipe_and_data_become_a_calibrated_bundle(workplace: Path) -> None:
    out = workplace / "out"
    result = CliRunner().invoke(
        app,
        ["train", str(workplace / "recipe.toml"), "--data", str(workplace), "-o", str(out),
         "--threads", "1"],
        catch_exceptions=False,
    )  # fmt: skip
    assert "tiny 1, trained in" in result.stdout

    bundle = Store(None).open(str(out))
    manifest = bundle.manifest
    assert manifest.heads["intent"].labels == ["light", "weather", "oos"]
    assert manifest.heads["entities"].labels[:3] == ["O", "B-PERSON", "I-PERSON"]
    assert manifest.report["dev"]["commands"]["int8"]["accuracy"] == 1.0
    assert manifest.report["dev"]["names"]["int8"]["f1"] > 0.9
    calibration = manifest.calibration["intent"]
    assert calibration.threshold is not None
    assert calibration.coverage == pytest.approx(2 / 3, abs=0.1)
    config = json.loads((out / "config.json").read_text())
    assert config["_name_or_path"] == "test/tiny"

    answer = Assistant(bundle).begin(Request(text=WORDS["light"]))
    assert isinstance(answer, Answer)
    assert answer.result is not None
    assert answer.result["intent"] == "light"
    assert answer.guarantee is not None


def test_a_missing_file_is_named(workplace: Path) -> None:
    (workplace / "train.tsv").unlink()
    result = CliRunner().invoke(
        app,
        ["train", str(workplace / "recipe.toml"), "--data", str(workplace),
         "-o", str(workplace / "out")],
    )  # fmt: skip
    assert isinstance(result.exception, ConfigError)
    assert "train.tsv" in str(result.exception)
    assert not (workplace / "out").exists()


def test_the_shipped_recipe_is_right() -> None:
    recipe = load_recipe("assistant")
    assert list(recipe.heads) == ["intent", "sentiment", "entities", "embedding"]
    assert {source.head for source in recipe.sources} <= recipe.heads.keys()


def test_every_source_of_the_shipped_recipe_is_named_in_the_notice() -> None:
    notice = (Path(__file__).parents[2] / "NOTICE").read_text()
    for source in load_recipe("assistant").sources:
        assert source.name in notice


@pytest.mark.parametrize(
    ("content", "says"),
    [("name = ", "recipe"), ('nam = "x"', "recipe"), ("", "missing required field")],
)
def test_a_wrong_recipe_says_what_is_wrong(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=says):
        load_recipe(str(path))


def test_an_unknown_recipe_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match="no recipe 'nothing'"):
        load_recipe("nothing")


def test_conll_handles_are_one_word(tmp_path: Path) -> None:
    (tmp_path / "x.conll").write_text("RT\tO\n@\tB-PER\nada\tB-PER\nin\tO\nParis\tB-LOC\n")
    source = Source(
        head="entities", name="x", licence="own", train=["x.conll"],
        map={"PER": "PERSON", "LOC": "LOCATION"},
    )  # fmt: skip
    head = Head(type="tagging", labels=["PERSON", "LOCATION"])
    example = read_examples(source, head, tmp_path, split="train")[0]
    assert example.text == "RT @ada in Paris"
    assert example.spans == (Span(3, 7, "PERSON"), Span(11, 16, "LOCATION"))
