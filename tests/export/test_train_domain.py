"""A domain of one's own: a coffee machine, from one data file to a bundle that answers."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_export.cli.app import app
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.messages import Answer, Request

from .conftest import save_model

pytestmark = pytest.mark.export

RECIPE = """
name = "coffee"
base = "{base}"

[training]
epochs = 15
learning_rate = 3e-3
head_learning_rate = 1e-2
patience = 3

[[sources]]
head = "intent"
train = "coffee.jsonl"

[[sources]]
head = "slots"
train = "coffee.jsonl"
"""

VALUES = {
    "drink": ["espresso", "cappuccino", "flat white", "latte macchiato", "tea", "hot chocolate",
              "americano", "ristretto"],
    "size": ["small", "large", "medium", "double", "tall"],
    "strength": ["mild", "strong", "extra strong", "very weak", "normal"],
    "time": ["at seven", "at half past six", "tomorrow morning", "in ten minutes", "at 8 am",
             "after lunch", "on sunday at nine"],
    "amount": ["two bags", "a kilo", "five hundred grams", "one pack", "three kilos"],
}  # fmt: skip
TEMPLATES = {
    "brew": ["make me a {drink}", "i would like a {size} {drink} please", "brew a {size} {drink}",
             "one {drink} please", "can i get a {strength} {drink}", "{drink} now",
             "pour a {size} {strength} {drink}"],
    "stop": ["stop", "stop brewing the {drink}", "cancel that", "cancel the {drink}",
             "please stop the machine", "halt right now", "never mind the {drink}"],
    "clean": ["clean the machine", "run the cleaning program {time}", "descale the machine",
              "please rinse the nozzle", "start descaling {time}", "it needs a rinse"],
    "schedule": ["have a {drink} ready {time}", "schedule a {size} {drink} {time}",
                 "i want my {drink} {time}", "prepare a {strength} {drink} {time}",
                 "plan a {drink} {time}"],
    "status": ["is the {drink} ready", "how much water is left", "is the machine on",
               "what is it doing", "are there enough beans for a {drink}", "do you need cleaning"],
    "set_strength": ["make it {strength} from now on", "set the strength to {strength}",
                     "i like my coffee {strength}", "change the {drink} to {strength}",
                     "{strength} by default please"],
    "order_beans": ["order {amount} of beans", "buy {amount} of coffee beans",
                    "we need {amount} more beans {time}", "get me {amount} of the usual beans",
                    "reorder beans"],
}  # fmt: skip
WRAPPINGS = ["{}", "please {}", "{} thanks", "hey {}", "could you {}", "ok {}", "{} would you"]


def coffee_rows(count: int = 1000, seed: int = 5) -> list[dict[str, object]]:
    """Return rows with an intent and slots each, like those of HWU64."""
    rng = random.Random(seed)  # noqa: S311
    rows: list[dict[str, object]] = []
    for i in range(count):
        intent = sorted(TEMPLATES)[i % len(TEMPLATES)]
        pattern = rng.choice(WRAPPINGS).format(rng.choice(TEMPLATES[intent]))
        text, slots, end = "", [], 0
        for match in re.finditer(r"{(\w+)}", pattern):
            text += pattern[end : match.start()]
            value = rng.choice(VALUES[match[1]])
            slots.append({"start": len(text), "end": len(text) + len(value), "slot": match[1]})
            text, end = text + value, match.end()
        rows.append({"text": text + pattern[end:], "intent": intent, "slots": slots})
    return rows


def write_domain(directory: Path, base: Path) -> Path:
    content = "".join(json.dumps(row) + "\n" for row in coffee_rows())
    (directory / "coffee.jsonl").write_text(content)
    recipe = directory / "coffee.toml"
    recipe.write_text(RECIPE.format(base=base))
    return recipe


def train(recipe: Path, out: Path) -> Bundle:
    arguments = ["train", str(recipe), "-o", str(out), "--threads", "1"]
    CliRunner().invoke(app, arguments, catch_exceptions=False)
    return Store(None).open(str(out))


def answer(bundle: Bundle, text: str, task: str) -> Answer:
    found = Assistant(bundle).begin(Request(text=text, task=task))
    assert isinstance(found, Answer)
    return found


def test_one_recipe_and_one_command_make_a_new_domain(tmp_path: Path) -> None:
    base = save_model(tmp_path / "base", "BertModel", spread=2.0, hidden_size=64)
    out = tmp_path / "out"
    arguments = ["train", str(write_domain(tmp_path, base)), "-o", str(out), "--threads", "1"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    bundle = Store(None).open(str(out))
    manifest, report = bundle.manifest, bundle.manifest.report
    assert manifest.task == "text-classification"
    assert manifest.heads["intent"].labels == sorted(TEMPLATES)
    assert {tag[2:] for tag in manifest.heads["slots"].labels[1:]} == VALUES.keys()
    assert (manifest.version, manifest.languages) == ("1", ["en"])

    intents, slots = report["dev"]["coffee (intent)"], report["dev"]["coffee (slots)"]
    assert intents["int8"]["accuracy"] > 0.95
    assert slots["int8"]["f1"] > 0.8
    for scores, metric in ((intents, "accuracy"), (slots, "f1")):
        low, high = scores["ci95"][metric]
        assert 0.8 < low <= scores["int8"][metric] <= high <= 1
    counts = report["data"]["coffee (intent)"]
    assert counts["held_out"] + counts["validation"] + counts["train"] == len(coffee_rows())
    assert counts["held_out"] == intents["int8"]["n"]
    assert counts["held_out_from"].startswith("20% of the texts")
    assert "held out: 20% of the texts" in result.stdout

    calibration = manifest.calibration["intent"]
    assert calibration.threshold is not None
    assert calibration.evaluation == "held out of coffee (intent)"
    assert f"confidence {calibration.threshold:.4f}" in result.stdout
    assert not (tmp_path / ".out.training").exists()

    asked = answer(bundle, "hey brew a large flat white", "ask")
    assert asked.result is not None
    assert asked.result["intent"] == "brew"
    assert asked.guarantee is not None
    tagged = answer(bundle, "plan a small espresso at seven", "tag")
    assert tagged.result is not None
    found = {(entity["label"], entity["text"]) for entity in tagged.result["entities"]}
    assert ("drink", "espresso") in found
    assert {label for label, _ in found} <= VALUES.keys()


def test_a_bundle_of_sentiment_alone(tmp_path: Path) -> None:
    save_model(tmp_path / "base", "BertModel", spread=2.0, hidden_size=64)
    words = {"good": ["great", "lovely", "fine"], "bad": ["awful", "poor", "broken"]}
    rows = [
        f"{label}\tthe {thing} is {word} {end}"
        for label, known in words.items()
        for word in known
        for thing in ("tea", "milk", "beans", "pump", "cup")
        for end in ("", "today", "again", "i think", "as ever")
    ]
    (tmp_path / "reviews.tsv").write_text("label\ttext\n" + "\n".join(rows))
    recipe = tmp_path / "mood.toml"
    recipe.write_text(
        'name = "mood"\nbase = "base"\n[training]\nepochs = 10\nlearning_rate = 3e-3\n'
        '[[sources]]\nhead = "sentiment"\ntrain = "reviews.tsv"\n'
    )
    bundle = train(recipe, tmp_path / "out")
    assert list(bundle.manifest.heads) == ["sentiment"]
    assert list(bundle.manifest.calibration) == ["sentiment"]
    assert bundle.manifest.report["dev"]["reviews"]["int8"]["accuracy"] > 0.8
    found = answer(bundle, "the pump is awful", "classify").result
    assert found is not None
    assert found["label"] == "bad"


def test_a_bundle_of_entities_alone(tmp_path: Path) -> None:
    save_model(tmp_path / "base", "BertModel", spread=2.0, hidden_size=64)
    blocks = [
        f"{person} B-PER\n{verb} O\n{place} B-LOC"
        for person in ("Angela", "Tim", "Marie", "Sarah")
        for verb in ("left", "likes", "visited", "knows")
        for place in ("Berlin", "Paris", "London", "Vienna")
    ]
    (tmp_path / "names.conll").write_text("\n\n".join(blocks))
    recipe = tmp_path / "names.toml"
    recipe.write_text(
        'name = "names"\nbase = "base"\n[training]\nepochs = 20\nlearning_rate = 3e-3\n'
        'head_learning_rate = 1e-2\n[[sources]]\nhead = "entities"\ntrain = "names.conll"\n'
    )
    bundle = train(recipe, tmp_path / "out")
    assert bundle.manifest.task == "token-classification"
    assert bundle.manifest.heads["entities"].labels == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    # too few spans for a promise, and it says so
    assert bundle.manifest.calibration["entities"].threshold is None
    assert bundle.manifest.report["dev"]["names"]["int8"]["f1"] > 0.9
    found = answer(bundle, "Marie likes Paris", "tag").result
    assert found is not None
    assert [(e["label"], e["text"]) for e in found["entities"]] == [
        ("PER", "Marie"),
        ("LOC", "Paris"),
    ]
