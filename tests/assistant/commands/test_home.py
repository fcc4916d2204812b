from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.assistant.commands.home import home_command, read_target
from edge_runtime.assistant.commands.names import Home
from edge_runtime.assistant.commands.states import canonical_state, state_in
from edge_runtime.messages import Entity

LIVING_ROOM = {"area": "Living Room"}


def spans(marked: str) -> tuple[str, list[Entity]]:
    """Return the text of "set [lamp:name] to 5" and its spans."""
    text, found = "", []
    for plain, said, label in re.findall(r"([^\[]*)(?:\[([^:\]]*):(\w+)\])?", marked):
        text += plain
        if label:
            found.append(Entity(len(text), len(text) + len(said), label, said, 0.9))
            text += said
    return text, found


def command(
    marked: str,
    intent: str,
    target: str = "none",
    context: Mapping[str, str] | None = None,
    home: Home | None = None,
) -> dict[str, str | int | float]:
    text, found = spans(marked)
    return home_command(text, intent, found, target, context or {}, home)


@pytest.mark.parametrize(
    ("marked", "slots"),
    [
        (
            "[bedroom lamp:name] to [maximum:brightness]",
            {"name": "Bedroom Lamp", "brightness": 100},
        ),
        ("[bedroom:area] to the [lowest:brightness]", {"area": "Bedroom", "brightness": 1}),
        ("[lamp:name] at [thirty six:brightness] percent", {"name": "Lamp", "brightness": 36}),
        ("[lamp:name] to [RED:color]", {"name": "Lamp", "color": "red"}),
        ("[lamp:name] to [120:brightness]", {"name": "Lamp"}),
        ("[lamp:name] to [banana:brightness]", {"name": "Lamp"}),
    ],
)
def test_brightness_and_colour_are_canonical_or_left_out(
    marked: str, slots: dict[str, object]
) -> None:
    assert command(marked, "HassLightSet") == slots


@pytest.mark.parametrize(
    ("marked", "slots"),
    [
        ("for [half:minutes] an hour", {"minutes": 30}),
        ("for [half:hours] hour", {"minutes": 30}),
        ("for [half:seconds] a minute", {"seconds": 30}),
        ("for [1.5:hours] hours", {"hours": 1, "minutes": 30}),
        ("for [an:hours] hour and a [half:minutes]", {"hours": 1, "minutes": 30}),
        ("for [1:hours] hour and [5:minutes] minutes", {"hours": 1, "minutes": 5}),
        ("for [pizza:name] for [five:minutes] minutes", {"name": "pizza", "minutes": 5}),
    ],
)
def test_times_are_split_into_hours_minutes_and_seconds(
    marked: str, slots: dict[str, object]
) -> None:
    assert command(f"set a timer {marked}", "HassStartTimer") == slots


def test_the_timer_that_is_meant_is_told_from_the_time_that_is_added() -> None:
    marked = "add [5:minutes] minutes to the [1:start_hours] hour timer"
    assert command(marked, "HassIncreaseTimer") == {"minutes": 5, "start_hours": 1}


def test_names_are_the_owners() -> None:
    home = Home(devices=("Kitchen countertop",), areas=("Emma's Room",), floors=("Ground Floor",))
    marked = "turn on [kitchen countertops:name] in [emmas room:area] on [ground floor:floor]"
    assert command(marked, "HassTurnOn", home=home) == {
        "name": "Kitchen countertop", "area": "Emma's Room", "floor": "Ground Floor",
    }  # fmt: skip


def test_the_target_gives_what_is_not_said() -> None:
    target = "domain=fan;name=all"
    assert command("turn off [kitchen:area] fans", "HassTurnOff", target) == {
        "domain": "fan", "name": "all", "area": "Kitchen",
    }  # fmt: skip
    assert read_target("none") == {}


@pytest.mark.parametrize(
    ("marked", "target", "state"),
    [
        ("is [phone:name] [charging:state]", "battery_charging;domain=binary_sensor", "on"),
        ("is [curtain:name] [shut:state]", "curtain;domain=cover", "closed"),
        ("is [shed window:name] [shut:state]", "window;domain=binary_sensor", "off"),
        ("is [washer:name] [not running:state]", "running;domain=binary_sensor", "off"),
        ("is [door:name] [securely locked:state]", "door;domain=lock", "locked"),
        ("are any batteries low", "battery;domain=binary_sensor", "on"),
        ("is [ada:name] at [school:state]", "x;domain=person", "school"),
    ],
)
def test_the_words_for_a_state_mean_what_the_device_is(
    marked: str, target: str, state: str
) -> None:
    assert command(marked, "HassGetState", f"device_class={target}")["state"] == state


def test_a_question_for_a_value_has_no_state() -> None:
    target = "device_class=temperature;domain=sensor"
    assert "state" not in command("what is on [fridge:name]", "HassGetState", target)


def test_the_room_of_the_device_is_meant_where_no_place_is_said() -> None:
    light = "domain=light"
    assert command("lights on", "HassTurnOn", light, LIVING_ROOM)["area"] == "Living Room"
    assert "area" not in command("lights on", "HassTurnOn", light)
    everywhere = command("lights on everywhere", "HassTurnOn", light, LIVING_ROOM)
    assert "area" not in everywhere
    other = command("lights on in the [kitchen:area]", "HassTurnOn", light, LIVING_ROOM)
    assert other["area"] == "Kitchen"
    assert "area" not in command("[tv:name] on", "HassTurnOn", "none", LIVING_ROOM)
    assert "area" not in command("timer for [5:minutes] min", "HassStartTimer", "none", LIVING_ROOM)


def test_of_two_spans_for_a_slot_the_first_counts() -> None:
    marked = "[kitchen:area] or [office:area] lights"
    assert command(marked, "HassTurnOn", "domain=light")["area"] == "Kitchen"


@given(
    st.text(max_size=30),
    st.sampled_from(["HassTurnOn", "HassStartTimer", "HassGetState", "play_music"]),
    st.sampled_from(["name", "area", "state", "hours", "start_seconds", "brightness", "item", "x"]),
    st.text(max_size=20),
)
def test_any_spans_and_target_give_slots_that_are_text_or_numbers(
    said: str, intent: str, label: str, target: str
) -> None:
    slots = home_command(said, intent, [Entity(0, len(said), label, said, 1.0)], target, {})
    assert all(isinstance(value, str | int | float) for value in slots.values())


def test_the_longest_words_for_a_state_win() -> None:
    assert state_in("is the washer not running now?", "binary_sensor", "running") == "off"
    assert state_in("is the phone unplugged", "binary_sensor", "plug") == "off"
    assert state_in("nothing of that kind", "binary_sensor", "plug") is None
    assert canonical_state("Shut", "", "") == "closed"
