from __future__ import annotations

import pytest

from edge_runtime.routing.rules import Facts, Match, Rule, match


def matches(facts: Facts, **conditions: tuple[str, ...]) -> bool:
    return isinstance(match(Rule(deny=True, **conditions), "rule", facts), Match)  # type: ignore[arg-type]


FACTS = Facts(
    client="guest-1",
    text="Ask my  Doctor about the salary-man",
    intent="weather_query",
    command="none",
    entities=frozenset({"PERSON", "GPE"}),
    language="de",
    nearness={"health": 0.5},
)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"intent": ("weather_*",)}, True),
        ({"intent": ("time", "weather_query")}, True),
        ({"intent": ("Weather_*",)}, False),
        ({"intent": ("!weather_*",)}, False),
        ({"intent": ("!time",)}, True),
        ({"intent": ("weather_*", "!weather_query")}, False),
        ({"command": ("none",)}, True),
        ({"entity": ("PERSON",)}, True),
        ({"entity": ("ORGANIZATION",)}, False),
        ({"entity": ("!ORGANIZATION",)}, True),
        ({"entity": ("!PERSON",)}, False),
        ({"language": ("en", "de")}, True),
        ({"language": ("unknown",)}, False),
        ({"client": ("guest-*",)}, True),
        ({"topic": ("my doctor",)}, True),
        ({"topic": ("doc",)}, False),
        ({"topic": ("salary",)}, True),
        ({"topic": ("a.*b",)}, False),
        ({"about": ("health",)}, True),
        ({"intent": ("weather_*",), "client": ("kitchen",)}, False),
        ({}, True),
    ],
)
def test_all_conditions_have_to_hold(condition: dict[str, tuple[str, ...]], holds: object) -> None:
    assert matches(FACTS, **condition) is holds


def test_a_description_has_to_be_near_enough() -> None:
    near = Rule(about=("health",), about_above=0.5, deny=True)
    far = Rule(about=("health",), about_above=0.51, deny=True)
    assert isinstance(match(near, "rule", FACTS), Match)
    assert match(far, "rule", FACTS) == "about 'health' 0.50 < 0.51"


@pytest.mark.parametrize(
    "condition",
    [{"command": ("x",)}, {"entity": ("x",)}, {"topic": ("x",)}, {"about": ("x",)}],
)
def test_what_cannot_be_told_is_taken_to_hold(condition: dict[str, tuple[str, ...]]) -> None:
    nothing = Facts(intent="weather", language="en")
    found = match(Rule(privacy="local", **condition), "rule", nothing)  # type: ignore[arg-type]
    assert isinstance(found, Match)
    assert found.is_presumed
    assert "cannot be told here" in found.why


@pytest.mark.parametrize(
    "wrong",
    [{}, {"deny": False}, {"deny": True, "intent": (" ",)}, {"deny": True, "client": ("!",)},
     {"max_cost_usd": -1.0}, {"max_cost_usd": float("nan")}, {"deny": True, "about_above": 2.0}],
)  # fmt: skip
def test_a_rule_that_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Rule(**wrong)  # type: ignore[arg-type]
