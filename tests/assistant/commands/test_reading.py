"""Commands out of what a bundle's heads say: of tiny graphs whose outputs the test writes down."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="needs the extra `export`")

from edge_runtime.assistant.commands.command import Command
from edge_runtime.assistant.commands.names import Home
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.assistant.reading import Reading, read
from edge_runtime.bundles.manifest import Head
from edge_runtime.messages import Answer, Request
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.tasks.encoder import Encoder
from tests.tasks.graphs import Form, bundle_of, table

pytestmark = pytest.mark.export

INTENTS = ["HassTurnOn", "play_music", "oos"]
TARGETS = ["domain=light", "none"]
COMMANDS = ["play_music", "qa_factoid"]
TAGS = ["O", "B-area", "B-artist_name"]


def assistant(
    directory: Path, home: Home | None = None, **tables: dict[str, list[float]]
) -> Assistant:
    """Return one that goes by the first letter of a text: ``l`` for lights, ``p`` to play.

    A word takes the tag of its first letter, where no space stands before it: ``lll-kitchen``.
    """
    rows: dict[str, dict[str, list[float]]] = {
        "intent": {"l": [9, 0, 0], "p": [0, 9, 0], "q": [0, 0, 9]},
        "target": {"l": [9, 0], "p": [0, 9], "q": [0, 9]},
        "command": {"l": [5, 5], "p": [9, 0], "q": [0, 9]},
        "slots": {"l": [9, 0, 0], "p": [9, 0, 0], "k": [0, 9, 0], "a": [0, 0, 9]},
    }
    widths = {"intent": 3, "target": 2, "command": 2, "slots": 3}
    made = {name: table(width, rows[name] | tables.get(name, {})) for name, width in widths.items()}
    heads = {
        "intent": Head(type="classification", output="intent", labels=INTENTS, out_of_scope="oos"),
        "target": Head(type="classification", output="target", labels=TARGETS),
        "command": Head(type="classification", output="command", labels=COMMANDS),
        "slots": Head(type="tagging", output="slots", labels=TAGS),
    }
    form = Form(first=("intent", "target", "command"))
    bundle = bundle_of(directory, heads, made, form)
    return Assistant(bundle, OwnerPolicy(privacy="local"), home=home)


def reading(of: Assistant, text: str) -> Reading:
    return read(Encoder(of.bundle), text)


def result(of: Assistant, text: str, **options: object) -> dict[str, object]:
    answer = of.begin(Request(text=text, options=options))
    assert isinstance(answer, Answer)
    assert answer.result is not None
    return answer.result


def test_a_home_command_stands_in_the_result_with_slots_and_speech(tmp_path: Path) -> None:
    found = result(assistant(tmp_path, Home(areas=("Kitchen",))), "lll-kitchens")
    assert found["command"] == {
        "intent": "HassTurnOn",
        "slots": {"domain": "light", "area": "Kitchen"},
        "speech": "Turning on the lights in the kitchen.",
        "sure": True,
    }
    assert [span["label"] for span in found["slots"]] == ["area"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("home", "options", "area"),
    [
        (Home(area="Hall"), {}, "Hall"),
        (Home(area="Hall"), {"area": "Attic"}, "Attic"),
        (None, {"area": "Attic"}, "Attic"),
        (None, {"area": 5}, None),
        (None, {}, None),
    ],
)
def test_the_area_that_listens_is_the_requests_or_the_owners(
    tmp_path: Path, home: Home | None, options: dict[str, object], area: str | None
) -> None:
    command = result(assistant(tmp_path, home), "lll", **options)["command"]
    assert isinstance(command, dict)
    assert command["slots"].get("area") == area


def test_an_unlikely_slot_makes_a_command_unsure(tmp_path: Path) -> None:
    of = assistant(tmp_path, slots={"k": [0.0, 0.1, 0.0]})
    command = reading(of, "lll-kitchen").instruction("lll-kitchen", {}, None, sure=True)
    assert command is not None
    assert command.slots == {"domain": "light", "area": "Kitchen"}
    assert not command.sure


def test_an_unsure_intent_makes_an_unsure_command(tmp_path: Path) -> None:
    of = assistant(tmp_path, intent={"l": [0.2, 0.0, 0.0]})
    command = result(of, "lll")["command"]
    assert isinstance(command, dict)
    assert command["sure"] is False


def test_an_assistant_command_comes_from_its_head_when_that_is_sure(tmp_path: Path) -> None:
    of = assistant(tmp_path)
    assert reading(of, "ppp-abba").instruction("ppp-abba", {}, None, sure=False) == Command(
        "play_music", {"artist_name": "abba"}, "Playing abba.", sure=True
    )
    unsure = assistant(tmp_path, command={"p": [2.0, 0.0]})
    assert "command" not in result(unsure, "ppp-abba")


def test_a_question_is_no_command(tmp_path: Path) -> None:
    assert "command" not in result(assistant(tmp_path), "qqq")
