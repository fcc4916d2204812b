from __future__ import annotations

import string

import pytest

from edge_runtime.assistant.commands.command import (
    assistant_instruction,
    home_instruction,
)
from edge_runtime.assistant.commands.intents import is_home_intent
from edge_runtime.assistant.commands.slots import Slot
from edge_runtime.assistant.commands.speech import assistant_speech, home_speech
from edge_runtime.assistant.commands.speech_table import ASSISTANT, HOME
from edge_runtime.messages import Entity


@pytest.mark.parametrize(
    ("text", "intent", "slots", "speech"),
    [
        ("kitchen light on", "HassTurnOn", {"name": "Kitchen Light"},
         "Turning on the kitchen light."),
        ("lights off", "HassTurnOff", {"domain": "light", "area": "Kitchen"},
         "Turning off the lights in the kitchen."),
        ("open the tv lift", "HassTurnOn", {"name": "TV Lift"}, "Opening the TV lift."),
        ("unlock it", "HassTurnOff", {"domain": "lock", "name": "all", "area": "Kitchen"},
         "Unlocking all the locks in the kitchen."),
        ("all fans off upstairs", "HassTurnOff", {"domain": "fan", "floor": "Upstairs"},
         "Turning off the fans upstairs."),
        ("set", "HassLightSet", {"area": "Office", "brightness": 40},
         "Setting the lights in the office to 40 percent."),
        ("set", "HassStartTimer", {"hours": 1, "minutes": 5},
         "Setting a timer for 1 hour and 5 minutes."),
        ("set", "HassStartTimer", {"hours": 2, "minutes": 1, "seconds": 3, "name": "egg"},
         "Setting a timer named egg for 2 hours, 1 minute and 3 seconds."),
        ("x", "HassDecreaseTimer", {"minutes": 5, "start_hours": 1},
         "Taking 5 minutes off the 1 hour timer."),
        ("x", "HassClimateSetTemperature", {"name": "Nest", "temperature": 20.5},
         "Setting the temperature of the nest to 20.5."),
        ("x", "HassListAddItem", {"item": "milk", "name": "Trader Joes"},
         "Adding milk to the list Trader Joes."),
        ("x", "HassNevermind", {}, "All right."),
    ],
)  # fmt: skip
def test_a_home_command_is_said_as_what_is_asked(
    text: str, intent: str, slots: dict[str, Slot], speech: str
) -> None:
    assert home_speech(text, intent, slots) == speech


@pytest.mark.parametrize(
    ("intent", "slots"),
    [
        ("HassTurnOn", {}), ("HassTurnOn", {"area": "Kitchen"}), ("HassLightSet", {"area": "x"}),
        ("HassStartTimer", {"name": "egg"}), ("HassSetVolume", {}), ("HassListAddItem", {}),
        ("HassUnheardOf", {"name": "x"}),
    ],
)  # fmt: skip
def test_a_home_command_that_lacks_a_slot_is_none(intent: str, slots: dict[str, Slot]) -> None:
    assert home_instruction("x", intent, slots, sure=True) is None


def test_an_assistant_command_is_said_with_the_slots_it_has() -> None:
    assert assistant_speech("alarm_set", {"time": "7 am", "date": "monday"}) == (
        "Setting an alarm for monday at 7 am."
    )
    assert assistant_speech("alarm_set", {}) == "Setting an alarm."


def test_questions_and_small_talk_are_no_commands() -> None:
    assert assistant_instruction("qa_factoid", []) is None
    assert assistant_instruction("general_praise", []) is None


def test_an_assistant_command_takes_the_first_span_of_a_label() -> None:
    found = [Entity(0, 4, "date", "noon", 0.9), Entity(5, 9, "date", "then", 0.9)]
    command = assistant_instruction("calendar_query", found)
    assert command is not None
    assert command.slots == {"date": "noon"}
    assert command.speech == "Checking your calendar for noon."


def test_no_sentence_hides_a_fuller_one_behind_it() -> None:
    for sentences in [*HOME.values(), *ASSISTANT.values()]:
        fields = [
            {name for _, name, _, _ in string.Formatter().parse(each) if name} for each in sentences
        ]
        for number, needed in enumerate(fields):
            assert not any(earlier <= needed for earlier in fields[:number])


def test_only_home_assistants_intents_are_home_intents() -> None:
    assert all(is_home_intent(intent) for intent in HOME)
    assert not any(is_home_intent(intent) for intent in ASSISTANT)
