from __future__ import annotations

import pytest

from tests.routing.redaction_cases import found


@pytest.mark.parametrize(
    "value",
    [
        "221b Baker Street", "221 baker street", "12 N. Main St, Apt 4", "1600 Pennsylvania Avenue",
        "2437 Main St Suite 442", "27 moss lane", "8 Abbey Rd", "Hauptstraße 5", "Kerkstraat 12a",
        "Via Roma 12", "Calle Mayor 5", "12 rue de la Paix", "P.O. Box 123", "PSC 6293, Box 8158",
        "7 St. James Square",
    ],
)  # fmt: skip
def test_street_addresses_are_found(value: str) -> None:
    assert found(f"send it to {value} tomorrow") == [(value, "ADDRESS")]


@pytest.mark.parametrize(
    "text",
    [
        "it is 5 minutes drive from here",
        "a 2 way street",
        "10 blocks from main street",
        "play 3 songs on the way",
        "turn on 2 lights in the lane",
        "there are 12 Monkeys in the park",
        "it is 162 kilometers long. Pardee Road is short",
        "how long is wall street",
        "the 3 of us close the door",
    ],
)
def test_ways_and_numbers_that_are_no_address_stay(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Springfield, IL 62701", "62701"),
        ("my zip code is 90010-170", "90010-170"),
        ("ZIP: 394 13", "394 13"),
        ("ZIP: 7412 SL", "7412 SL"),
        ("London SW1A 1AA", "SW1A 1AA"),
        ("Ottawa K1A 0B1", "K1A 0B1"),
    ],
)
def test_postal_codes_are_found(text: str, value: str) -> None:
    assert found(text) == [(value, "ZIP")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("we are at 52.520008, 13.404954 now", "52.520008, 13.404954"),
        ("lat 51.5074 lon -0.1278", "lat 51.5074 lon -0.1278"),
        ("51°30'26\"N 0°7'39\"W", "51°30'26\"N"),
        ("latitude: 51.507", "51.507"),
    ],
)
def test_coordinates_are_found(text: str, value: str) -> None:
    assert (value, "COORDINATES") in found(text)


@pytest.mark.parametrize(
    "text",
    ["12.50, 13.75", "95.1234, 13.4049", "it is 51.5 degrees", "what is a zip file", "I, 12345"],
)
def test_prices_and_temperatures_are_no_place(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("call five five five one two three four", "five five five one two three four", "PHONE"),
        ("it is oh seven seven double oh six three, nine six six please",
         "oh seven seven double oh six three, nine six six", "PHONE"),
        ("four one one one one one one one one one one one one one one one",
         "four one one one one one one one one one one one one one one one", "CARD"),
        ("my account number is one two three four five six seven nine",
         "one two three four five six seven nine", "ID"),
    ],
)  # fmt: skip
def test_spoken_numbers_are_found(text: str, value: str, kind: str) -> None:
    assert (value, kind) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "count one two three four five six seven eight nine ten",
        "one two three go",
        "set a timer for twenty five minutes",
        "one hundred and five thousand two hundred",
        "one of the two is for me",
    ],
)
def test_counting_and_amounts_in_words_stay(text: str) -> None:
    assert found(text) == []
