"""Rows of home commands: drawn from templates, and labelled with what they are aimed at."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml", reason="needs the extra `export`")

from edge_export.train.home import sample_home, target_label
from edge_export.train.home_filling import Filling
from edge_export.train.home_grammar import is_grammatical, plain
from edge_export.train.home_names import AREAS
from edge_export.train.home_sentences import read_sentences
from edge_export.train.home_spans import complete_spans
from edge_export.train.home_templates import Mention, Value, parse_template, say
from edge_runtime.errors import ConfigError

LIGHTS = """
language: en
intents:
  HassTurnOn:
    data:
      - sentences: ["<turn> on [<the>] lights in {area}", "{area} lights on"]
        slots: {domain: light}
      - sentences: ["open [<the>] {name}"]
        requires_context: {domain: cover}
  HassGetState:
    data:
      - sentences: ["(is|are) <name> {states:state}"]
        requires_context: {domain: binary_sensor, device_class: door}
        slots: {domain: binary_sensor, device_class: door}
      - sentences: ["is there smoke in {area}"]
        slots: {domain: binary_sensor, device_class: smoke, state: "on"}
lists:
  states:
    values: [{in: open, out: "on"}, {in: (closed|shut), out: "off"}]
  timer_minutes: {range: {from: 1, to: 100}}
  timer_hours: {range: {from: 1, to: 100}}
  timer_seconds: {range: {from: 1, to: 100}}
  timer_half: {values: [{in: half, out: 30}]}
  brightness: {range: {from: 0, to: 100}}
  temperature: {range: {from: 0, to: 100}}
  color: {values: [red]}
expansion_rules:
  name: "[<the>] {name}"
  area: "[<the>] {area}"
  floor: "[<the>] {floor}"
  light: "lights"
  timer_duration: "{timer_minutes:minutes} minute[s]|{timer_hours:hours} hour[s]"
"""


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    (folder / "sentences" / "en").mkdir(parents=True)
    (folder / "sentences" / "en" / "light_HassTurnOn.yaml").write_text(LIGHTS)
    return folder


def dice() -> random.Random:
    return random.Random(1)  # noqa: S311 - a sample, not a secret


def no_list(name: str) -> tuple[str, str]:
    raise AssertionError(name)


def sentences(template: str, **rules: str) -> set[str]:
    tree, rng = parse_template(template), dice()
    return {say(tree, rules, no_list, rng)[0] for _ in range(300)}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("turn (on|off)", {"turn on", "turn off"}),
        ("all [[of ](the|my)] timers",
         {"all timers", "all the timers", "all my timers", "all of the timers",
          "all of my timers"}),
        ("(pause;now)", {"pause now", "now pause"}),
        ("light[s] (on;here)", {"light on here", "light here on", "lights on here",
                                "lights here on"}),
        ("<verb> it", {"stop it", "end it"}),
    ],
)  # fmt: skip
def test_a_template_says_each_of_its_sentences(template: str, said: set[str]) -> None:
    assert sentences(template, verb="(stop|end)") == said


def test_a_value_is_marked_where_it_stands() -> None:
    tree = parse_template("add  {timer_minutes:minutes} minutes[ to {x}]")
    values: dict[str, tuple[str, Value]] = {"timer_minutes": ("five", 5), "x": ("it", "it")}
    text, mentions = say(tree, {}, values.__getitem__, dice())
    assert text.startswith("add five minutes")
    assert mentions[0] == Mention(4, 8, "minutes", 5)


@pytest.mark.parametrize("template", ["(a|b", "a]", "[a)", "<unknown>", "<loop>"])
def test_a_broken_template_is_named(template: str) -> None:
    with pytest.raises(ConfigError, match=r"template|rule"):
        sentences(template, loop="<loop>")


def test_rows_have_spans_that_are_true_and_slots_that_are_meant(raw: Path) -> None:
    rows = list(sample_home(raw, 600, seed=3))
    assert len(rows) == 600
    for row in rows:
        for span in row["spans"]:
            assert row["text"][span["start"] : span["end"]] == span["value"] != ""
            assert span["slot"] in row["slots"]
    lights = next(row for row in rows if row["slots"].get("domain") == "light")
    assert lights["intent"] == "HassTurnOn"
    area = lights["slots"]["area"]
    assert area in AREAS
    assert area.lower() in lights["text"].lower()


def test_every_intent_has_its_share(raw: Path) -> None:
    counts = Counter(row["intent"] for row in sample_home(raw, 6000, seed=3))
    assert min(counts.values()) >= 150
    assert {"HassTurnOn", "HassNevermind", "HassStartTimer"} <= counts.keys()


def test_the_same_seed_gives_the_same_rows(raw: Path) -> None:
    assert list(sample_home(raw, 50, 1)) == list(sample_home(raw, 50, 1))
    assert list(sample_home(raw, 50, 1)) != list(sample_home(raw, 50, 2))


def test_no_text_that_is_held_out_is_drawn(raw: Path) -> None:
    first = list(sample_home(raw, 300, 1))
    held_out = {plain(row["text"]) for row in first[:100] if row["intent"] == "HassTurnOn"}
    lines = [json.dumps({"text": text.upper()}) for text in held_out]
    (raw.parent / "dev.jsonl").write_text("\n".join(lines))
    drawn = {plain(row["text"]) for row in sample_home(raw, 300, 1)}
    assert held_out
    assert not held_out & drawn


def test_a_folder_without_templates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sentences/en"):
        list(sample_home(tmp_path, 10, 1))


def test_a_file_that_is_not_yaml_is_named(raw: Path) -> None:
    (raw / "sentences" / "en" / "broken.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        read_sentences(raw)


def test_a_list_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        Filling({}).draw("nowhere", ("light",), None, dice())


@pytest.mark.parametrize(
    "text",
    [
        "turn on the the lamp", "turn on the my lamp", "set a timer for 1 minutes",
        "set a timer for 5 minute", "start a 5 minutes timer", "turn off all light",
        "every single lights off", "lamp lights on", "half an hours", "is any lights on",
    ],
)  # fmt: skip
def test_what_nobody_says_is_left_out(text: str) -> None:
    assert not is_grammatical(text, [])


@pytest.mark.parametrize(
    "text",
    [
        "turn on the lamp", "set a timer for 1 minute", "start a 5 minute timer",
        "turn off all lights", "set a timer for half an hour", "are any lights on",
    ],
)  # fmt: skip
def test_what_people_say_is_kept(text: str) -> None:
    assert is_grammatical(text, [])


def test_a_name_and_its_verb_agree() -> None:
    assert is_grammatical("is lamp on", [Mention(3, 7, "name", "Lamp")])
    assert not is_grammatical("are lamp on", [Mention(4, 8, "name", "Lamp")])
    assert not is_grammatical("is lamps on", [Mention(3, 8, "name", "Lamps")])


@pytest.mark.parametrize(
    ("text", "slots", "spans", "label"),
    [
        ("lights on", {"domain": "light"}, [], "domain=light"),
        ("fans off", {"domain": "fan", "name": "all", "area": "Den"}, [], "domain=fan;name=all"),
        ("lamp on", {"name": "Lamp"}, ["name"], "none"),
        ("is there smoke", {"domain": "binary_sensor", "device_class": "smoke", "state": "on"}, [],
         "device_class=smoke;domain=binary_sensor;state=on"),
        ("is it wet", {"domain": "binary_sensor", "device_class": "moisture", "state": "on"}, [],
         "device_class=moisture;domain=binary_sensor"),
        ("who is at school", {"domain": "person", "state": "school"}, ["state"], "domain=person"),
        ("the time", {}, [], "none"),
    ],
)  # fmt: skip
def test_the_target_is_what_no_words_say(
    text: str, slots: dict[str, object], spans: list[str], label: str
) -> None:
    row = {"text": text, "slots": slots, "spans": [{"slot": slot} for slot in spans]}
    assert target_label(row) == label


def test_a_row_without_slots_is_refused() -> None:
    with pytest.raises(ConfigError, match="no slots"):
        target_label({"text": "lights on"})


def row(text: str, intent: str, slots: dict[str, Any]) -> dict[str, Any]:
    return {"text": text, "intent": intent, "slots": slots, "spans": []}


@pytest.mark.parametrize(
    ("made", "spans"),
    [
        (row("set lamp to one hundred percent", "HassLightSet",
             {"name": "Lamp", "brightness": 100}),
         {"name": "lamp", "brightness": "one hundred percent"}),
        (row("take 5 minutes off 5 hour timer", "HassDecreaseTimer",
             {"minutes": 5, "start_hours": 5}), {"minutes": "5", "start_hours": "5"}),
        (row("is the curtain shut?", "HassGetState", {"domain": "cover", "state": "closed"}),
         {"state": "shut"}),
        (row("resume pizza timer", "HassUnpauseTimer", {"name": ["pizza ", "pizza"]}),
         {"name": "pizza"}),
        (row("lights on", "HassTurnOn", {"domain": "light", "area": "Kitchen"}), {}),
    ],
)  # fmt: skip
def test_a_span_is_added_where_words_say_the_value(
    made: dict[str, Any], spans: dict[str, str]
) -> None:
    found = complete_spans(made)
    assert {span["slot"]: span["value"] for span in found} == spans
    assert all(made["text"][s["start"] : s["end"]] == s["value"] for s in found)
    assert [s["start"] for s in found] == sorted(s["start"] for s in found)
