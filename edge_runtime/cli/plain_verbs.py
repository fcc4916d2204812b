"""The verbs of plain command lines, run in this process without typer."""

from __future__ import annotations

from edge_runtime.cli.answering import answer_locally
from edge_runtime.cli.asking import ask_all
from edge_runtime.cli.plain import Command
from edge_runtime.cli.texts import read_texts
from edge_runtime.settings import load_settings


def run_plainly(command: Command) -> None:
    """Do what the same verb does under typer; see there."""
    options = dict(command.values)
    argument = str(options.pop(command.parameter))
    bundle = options.pop("bundle", None)
    as_json = bool(options.pop("as_json", False))
    texts = read_texts(argument, whole=command.verb == "summarize")
    name = None if bundle is None else str(bundle)
    brief = argument != "-"
    if command.verb == "ask":
        session = options.pop("session", None)
        ask_all(
            texts,
            load_settings(),
            options,
            name,
            session=None if session is None else str(session),
            as_json=as_json,
            brief=brief,
        )
    else:
        answer_locally(command.verb, texts, name, options, as_json=as_json, brief=brief)
