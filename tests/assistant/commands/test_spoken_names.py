from __future__ import annotations

import pytest

from edge_runtime.assistant.commands.spoken_names import capitalised, spoken_name

OWNED = ("Kitchen countertop", "Kitchen Ceiling", "My Phone", "Phone", "Hallway", "Ground Floor")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("kitchen countertop", "Kitchen countertop"),
        ("the kitchen countertops", "Kitchen countertop"),
        ("Kitchen cieling", "Kitchen Ceiling"),
        ("my phone", "My Phone"),
        ("phone", "Phone"),
        ("hallway light", "Hallway"),
        ("ground floor floor", "Ground Floor"),
    ],
)
def test_a_name_is_the_owners_whatever_article_plural_case_or_slip(said: str, name: str) -> None:
    assert spoken_name(said, OWNED) == name


def test_another_name_is_taken_as_it_is_said_with_capitals() -> None:
    assert spoken_name("the desk lamp", OWNED) == "Desk Lamp"
    assert spoken_name("bath", OWNED) == "Bath"
    assert capitalised("bedroom tv") == "Bedroom TV"


def test_a_short_name_is_not_mistaken_for_another() -> None:
    assert spoken_name("fan", ("Van", "Fax")) == "Fan"


def test_of_two_names_that_fit_the_nearer_is_taken() -> None:
    assert spoken_name("bedroom lamps", ("Bedroom Lamp 2", "Bedroom Lamp")) == "Bedroom Lamp"
