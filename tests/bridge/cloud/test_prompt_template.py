from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_runtime.bridge.cloud.llm import make_llm
from edge_runtime.bridge.cloud.prompt import build_messages
from edge_runtime.bridge.cloud.prompt_template import PromptTemplate, read_template
from edge_runtime.errors import ConfigError, EdgeError
from edge_runtime.messages import Candidate, Context, Entity, Escalation, Turn

ASKED = Escalation(
    id="ab" * 16,
    text="why did <PERSON_1> leave?",
    lang="en",
    context=Context(
        intents=[Candidate("definition", 0.9)],
        sentiment=Candidate("negative", 0.95),
        entities=[Entity(8, 18, "PERSON", "<PERSON_1>", 0.99)],
        guess=Candidate("definition", 0.31),
        history=[Turn("user", "hello"), Turn("assistant", "hi")],
    ),
)


def system(template: str, escalation: Escalation = ASKED) -> str:
    return PromptTemplate(template)(escalation)[0][1]


def test_the_builtin_prompt_is_a_variable_and_its_parts_are() -> None:
    assert system("{{ builtin }}") == build_messages(ASKED)[0][1]
    made = system("You are the house.\n{{ rules }}\n{{ reading | join('; ') }}\n{{ tone }}")
    assert made.startswith("You are the house.\nYou answer a question")
    assert "intent: definition (0.90); its own answer: definition" in made
    assert "upset" in made


def test_what_the_small_model_found_can_be_put_in_other_words() -> None:
    template = (
        "{{ rules }} {{ lang }} {{ task }} {{ intents[0].label if intents }}"
        " {{ sentiment.label if sentiment }} {{ guess.score if guess }}"
        "{% for each in entities %} {{ each.text }}={{ each.label }}{% endfor %}"
    )
    made = system(template)
    assert made.endswith("en ask definition negative 0.31 <PERSON_1>=PERSON")


def test_only_the_system_prompt_is_the_template_s() -> None:
    assert PromptTemplate("{{ rules }}")(ASKED)[1:] == build_messages(ASKED)[1:]


def test_the_time_can_be_told() -> None:
    clock = datetime(2026, 5, 1, tzinfo=UTC)
    template = PromptTemplate("{{ rules }}{{ strftime_now('%Y-%m-%d') }}", now=lambda: clock)
    assert template(ASKED)[0][1].endswith("2026-05-01")


def test_the_user_s_words_are_no_variable() -> None:
    made = system("{{ rules }}|{{ text }}|{{ history }}|{{ escalation }}|")
    assert made.endswith("||||")


@pytest.mark.parametrize(
    "template",
    [
        "{{ rules",
        "{% for x in reading %}",
        "{{ rules | nofilter }}",
        "{{ guess.label }}",  # not every escalation has one
        "{{ lang.upper() }}",
        "{{ rules.__class__.__mro__[1].__subclasses__() }}",
        "{% for i in range(10 ** 9) %}x{% endfor %}",
        "",
        "{% if lang %}only with a language{% endif %}",
        "{{ raise_exception('no') }}",
    ],
)
def test_a_broken_template_is_refused_at_once(tmp_path: Path, template: str) -> None:
    path = tmp_path / "prompt.jinja"
    path.write_text(template)
    with pytest.raises(ConfigError, match=r"prompt\.jinja"):
        read_template(path)


def test_a_template_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_template(tmp_path / "none")


def test_one_without_the_rules_is_taken_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        PromptTemplate("{{ rules }} Be brief.")
        assert not caplog.records
        PromptTemplate("Be brief.")
    assert "may lose placeholders" in caplog.text


def test_one_that_fails_later_is_an_error_of_the_worker() -> None:
    template = PromptTemplate("{{ rules }}{% if lang == 'xx' %}{{ nothing.at_all }}{% endif %}")
    with pytest.raises(EdgeError, match="template failed"):
        template(Escalation(id="ab" * 16, text="why?", lang="xx"))


def test_inspect_shows_it() -> None:
    llm = make_llm("inspect", prompt=PromptTemplate("{{ rules }} You are the house."))
    assert "You are the house." in llm(ASKED).text
