"""The table of plain command lines says what typer says."""

from __future__ import annotations

from typing import Any

import pytest
import typer
from hypothesis import example, given
from hypothesis import strategies as st

from edge_runtime.cli import plain
from edge_runtime.cli.app import app

_COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def _kind(parameter: Any) -> str:
    if getattr(parameter, "is_flag", False):
        return plain.FLAG
    if parameter.multiple:
        return plain.LIST
    kind = parameter.type
    if type(kind).__name__ == "IntRange" and (kind.min, kind.max) == (1, None):
        return plain.COUNT
    return plain.TEXT if repr(kind) == "STRING" else plain.TYPED


@pytest.mark.parametrize("verb", plain.VERBS)
def test_every_verb_has_the_options_that_typer_knows(verb: str) -> None:
    argument, options = plain.VERBS[verb]
    parameters = _COMMANDS[verb].params
    [known] = [each.name for each in parameters if each.param_type_name == "argument"]
    assert argument == known
    flags = {
        flag: (each.name, _kind(each))
        for each in parameters
        if each.param_type_name == "option"
        for flag in each.opts
    }
    stricter = {plain.TYPED, plain.OURS}  # a text that means more than its letters
    assert {flag: name for flag, (name, _) in options.items()} == {
        flag: name for flag, (name, _) in flags.items()
    }
    for flag, (_, kind) in options.items():
        assert kind == flags[flag][1] or (kind in stricter and flags[flag][1] != plain.FLAG), flag


@pytest.mark.parametrize("verb", plain.VERBS)
def test_an_option_that_names_a_file_stays_in_the_clients_process(verb: str) -> None:
    for parameter in _COMMANDS[verb].params:
        if parameter.type.name in {"path", "file", "filename", "directory"}:
            for flag in parameter.opts:
                command = plain.read([verb, "text", flag, "name"])
                assert command is not None
                assert not command.goes_to_node


_WORDS = st.sampled_from(
    ["-", "--", "", "text", "-x", "--json", "--json=1", "-m", "--bundle", "--bundle=b", "-mb", "b",
     "--sentences", "--sentences=2", "2", "0", "-1", "٣", "--head", "--deadline-ms", "--nothing",
     "--context", "--stop", "--stop=x", "--privacy", "-h", "--help"]
)  # fmt: skip


@given(st.sampled_from(sorted(plain.VERBS)), st.lists(_WORDS, max_size=6))
@example("summarize", ["text", "--sentences", "2"])
@example("classify", ["--json", "--", "--json"])
@example("answer", ["why", "--context", "-"])
def test_what_is_read_plainly_is_what_typer_reads(verb: str, words: list[str]) -> None:
    command = plain.read([verb, *words])
    if command is None:
        return
    parsed = _COMMANDS[verb].make_context(verb, list(words)).params
    kinds = dict(plain.VERBS[verb][1].values())
    for name, value in command.values.items():
        if kinds.get(name, plain.TEXT) in {plain.TEXT, plain.FLAG, plain.COUNT}:
            assert parsed[name] == value
    given_by_typer = {
        parameter.name
        for parameter in _COMMANDS[verb].params
        if parsed[parameter.name] not in (None, False, [], ())
        and parsed[parameter.name] != parameter.default
    }
    assert given_by_typer <= command.values.keys()


@pytest.mark.parametrize(
    "words",
    [[], ["classify"], ["dance", "text"], ["classify", "a", "b"], ["classify", "a", "--help"],
     ["classify", "a", "-h"], ["classify", "a", "-m"], ["summarize", "a", "--sentences", "0"],
     ["summarize", "a", "--sentences", "many"], ["--version"], ["serve"], ["chat"]],
)  # fmt: skip
def test_the_unusual_and_the_wrong_are_left_to_typer(words: list[str]) -> None:
    assert plain.read(words) is None
