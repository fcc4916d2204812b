"""``chat``: a conversation at the terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from edge_runtime.cli.answering import open_assistant
from edge_runtime.cli.conversation import Conversation, Talk, unknown
from edge_runtime.cli.escalate import escalation_route
from edge_runtime.cli.generation import (
    MaxTokens,
    MinP,
    RepetitionPenalty,
    Seed,
    Temperature,
    TopK,
    TopP,
)
from edge_runtime.cli.options import Broker, BundleOption, Json
from edge_runtime.cli.output import print_answer
from edge_runtime.cli.run import fail
from edge_runtime.errors import BadRequestError, EdgeError, UnsupportedTaskError
from edge_runtime.messages import Request, error_answer
from edge_runtime.settings import load_settings

if TYPE_CHECKING:
    from edge_runtime.assistant.asking import Escalate
    from edge_runtime.assistant.pipeline import Assistant

_PROMPT = "> "


def chat(
    bundle: BundleOption = None,
    system: Annotated[
        str | None, typer.Option(help="What the model is told before everything else.")
    ] = None,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    min_p: MinP = None,
    repetition_penalty: RepetitionPenalty = None,
    seed: Seed = None,
    broker: Broker = None,
    llm: Annotated[
        str | None,
        typer.Option("--llm", metavar="URL", help="For a bundle that only asks: who is asked."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Talk with a text-generation bundle; with another one, ask it line by line."""
    settings = load_settings(broker=broker, llm_url=llm)
    assistant = open_assistant(settings, bundle)
    options = {
        "max_tokens": max_tokens, "temperature": temperature, "top_k": top_k, "top_p": top_p,
        "min_p": min_p, "repetition_penalty": repetition_penalty, "seed": seed, "system": system,
    }  # fmt: skip
    given = {name: value for name, value in options.items() if value is not None}
    name = assistant.bundle.manifest.name
    talk: Talk
    if "chat" in assistant.tasks:
        talk = Conversation(assistant, given, as_json=as_json)
    elif "ask" not in assistant.tasks:
        raise UnsupportedTaskError(
            f"bundle {name!r} has no chat template and no intents: it does not chat, but "
            f"{', '.join(assistant.tasks)}"
        )
    elif given:
        raise UnsupportedTaskError(
            f"bundle {name!r} does not write, so it has no use for "
            f"--{min(given).replace('_', '-')}; name one that does with -m"
        )
    else:
        talk = Questions(assistant, escalation_route(settings), as_json=as_json)
    if sys.stdin.isatty():
        print(f"{assistant.bundle.model_name}; /help shows the commands", file=sys.stderr)
    if _run(talk, as_json=as_json):
        raise typer.Exit(1)


class Questions:
    """Each line is a query of its own, answered here or by a large model, as the policy says."""

    commands = "/exit              leave, as does Ctrl-D"

    def __init__(self, assistant: Assistant, escalate: Escalate, *, as_json: bool) -> None:
        self._assistant = assistant
        self._escalate = escalate
        self._as_json = as_json

    def say(self, text: str) -> None:
        """Ask, and print the answer."""
        from edge_runtime.assistant.asking import ask

        answer = ask(self._assistant, Request(text=text), self._escalate)
        print_answer(answer, as_json=self._as_json)

    def command(self, name: str, rest: str) -> None:  # noqa: ARG002 - it has none of its own
        """Refuse a command.

        Raises:
            BadRequestError: always.
        """
        raise unknown(name)


def _run(talk: Talk, *, as_json: bool) -> bool:
    """Read lines until the end; whether any of them got an error, when no person types them."""
    failed = False
    for line in _lines():
        name, _, rest = line.removeprefix("/").partition(" ")
        try:
            if not line.startswith("/"):
                talk.say(line)
            elif name in {"exit", "quit"}:
                break
            elif name == "help":
                print(talk.commands, file=sys.stderr)
            else:
                talk.command(name, rest.strip())
        except EdgeError as exc:
            failed = True
            if as_json:
                print_answer(error_answer("", "chat", exc), as_json=True)
            else:
                fail(exc)
    return failed and not sys.stdin.isatty()


def _lines() -> Iterator[str]:
    """Yield what is typed, or the lines of standard input; empty ones are left out."""
    typed = sys.stdin.isatty()
    if typed:
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 - makes input() remember and edit lines
    while True:
        try:
            line = input(_PROMPT if typed else "")
        except EOFError:
            if typed:
                print(file=sys.stderr)
            return
        except KeyboardInterrupt:
            if not typed:
                raise
            print(file=sys.stderr)  # drops the line, as a shell does
            continue
        except UnicodeDecodeError as exc:
            fail(BadRequestError(f"a line is not UTF-8 (byte {exc.start})"))
            continue
        if line.strip():
            yield line.strip()
