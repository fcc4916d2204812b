"""Texts in other languages are noticed; English ones are hardly ever taken for foreign."""

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.routing.language import identify
from edge_runtime.routing.ngram_table import default_table

ENGLISH = (
    "lights on", "set bedroom to 50%", "turn off the tv", "play some jazz", "what time is it",
    "open the blinds in the kids room", "volume up", "next song", "who won the match last night",
    "add milk and eggs to my shopping list", "Wake me up at 7:30", "is the garage door closed",
    "how do you say hello in japanese", "convert 5 miles to km", "tell me a joke", "MUTE THE RADIO",
    "What's the capital of Burkina Faso?", "stop", "whats up", "thx u r great", "AC off",
    "remind me to call Giuseppe Lombardi", "TV resume", "find a table at La Trattoria in Milano",
    "text Jürgen that I am late", "navigate to Champs-Élysées", "lock all the doors now",
    "dim the hallway lamp by ten percent", "vacuum the living room", "info on Angela Merkel",
)  # fmt: skip
FOREIGN: dict[str, list[str]] = defaultdict(list)
for _line in (Path(__file__).parent / "foreign.tsv").read_text("utf-8").splitlines():
    FOREIGN[_line.partition("\t")[0]].append(_line.partition("\t")[2])


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_not_foreign(text: str) -> None:
    assert identify(text)[0] in {"en", None}


@pytest.mark.parametrize("language", FOREIGN)
def test_commands_and_questions_in_other_languages_are_foreign(language: str) -> None:
    assert [text for text in FOREIGN[language] if identify(text)[0] in {"en", None}] == []


def test_the_language_is_mostly_the_right_one() -> None:
    right = [identify(text)[0] == code for code, texts in FOREIGN.items() for text in texts]
    assert sum(right) / len(right) > 0.9


@pytest.mark.parametrize("language", FOREIGN)
def test_an_expected_language_is_recognised(language: str) -> None:
    found = [identify(text, [language])[0] for text in FOREIGN[language]]
    assert set(found) <= {language, None}


@pytest.mark.parametrize("text", ["turn on the lights in the kitchen", "what is the weather like"])
def test_english_is_foreign_where_another_language_is_expected(text: str) -> None:
    assert identify(text, ["de"])[0] == "en"
    assert identify(text, ["zh"])[0] == "en"
    assert identify(text, ["de", "en"])[0] == "en"


def test_an_expected_language_is_named_as_it_was_given() -> None:
    assert identify("mach das Licht an", ["en", "de-AT"])[0] == "de-AT"
    assert identify("slå på lyset i stua", ["nb"])[0] == "nb"
    assert identify("打开灯", ["zh_CN"])[0] == "zh_CN"


def test_nothing_is_said_of_letters_of_an_expected_language_that_is_not_known() -> None:
    assert identify("nyalakan lampu di dapur", ["id"]) == (None, 0.0)
    assert identify("mach das Licht an", ["en", "id"]) == (None, 0.0)
    assert identify("включи свет", ["id"])[0] == "ru"


@pytest.mark.parametrize("text", ["", "?!", "12 34", "schadenfreude", "https://example.org/a/b"])
def test_nothing_is_said_of_one_word_or_none(text: str) -> None:
    assert identify(text) == (None, 0.0)


def test_letters_that_only_look_different_are_the_same() -> None:
    wide = "".join(chr(ord(char) + 0xFEE0) if char != " " else char for char in "turn on the tv")
    assert identify(wide)[0] == "en"
    assert identify("ﾃﾚﾋﾞをつけて")[0] == "ja"


def test_nothing_is_said_of_a_script_without_an_entry() -> None:
    assert identify("ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ") == (None, 0.0)


def test_a_foreign_name_does_not_make_a_text_foreign() -> None:
    assert identify("send an email to Nagy Veronika and Mészáros István")[0] == "en"
    assert identify("play 周杰伦")[0] == "en"


def test_clear_texts_are_more_probable_than_mixed_ones() -> None:
    clear = identify("wie wird das Wetter morgen in Hamburg")
    mixed = identify("please stell den timer")
    assert clear[0] == "de"
    assert clear[1] > 0.99
    assert mixed[1] < clear[1]


def test_other_scripts_need_no_table() -> None:
    default_table.cache_clear()
    assert identify("こんにちは世界") == ("ja", 1.0)
    assert default_table.cache_info().currsize == 0


@given(st.text(), st.sampled_from([("en",), ("de", "fr"), ("zh",), ("id",), ()]))
def test_any_text_has_a_probability(text: str, expected: tuple[str, ...]) -> None:
    language, probability = identify(text, expected)
    assert 0 <= probability <= 1
    assert language is None or language
