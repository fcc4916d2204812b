"""``classify``, ``tag``, ``embed``, ``summarize``: answered on this device, always."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from edge_runtime.cli.answering import answer_all, open_assistant
from edge_runtime.cli.options import BundleOption, Json, Text
from edge_runtime.cli.settings import load_settings
from edge_runtime.cli.texts import read_texts
from edge_runtime.errors import EdgeError
from edge_runtime.messages import Answer, Request

Head = Annotated[
    str | None, typer.Option("--head", help="The bundle's head; the first fitting one if left out.")
]


def classify(
    text: Text, bundle: BundleOption = None, head: Head = None, as_json: Json = False
) -> None:
    """Name the label of a text: intent, sentiment, or whatever the bundle's head knows."""
    _run("classify", read_texts(text), bundle, {"head": head}, as_json=as_json)


def tag(text: Text, bundle: BundleOption = None, head: Head = None, as_json: Json = False) -> None:
    """Find people, places and organisations, with their character spans."""
    _run("tag", read_texts(text), bundle, {"head": head}, as_json=as_json)


def embed(text: Text, bundle: BundleOption = None, as_json: Json = False) -> None:
    """Turn a text into a unit vector; the dot product of two is their similarity."""
    _run("embed", read_texts(text), bundle, {}, as_json=as_json)


def summarize(
    text: Annotated[str, typer.Argument(help="The text, or - for all of standard input.")],
    sentences: Annotated[
        int | None, typer.Option(min=1, help="How many sentences to keep.")
    ] = None,
    bundle: BundleOption = None,
    as_json: Json = False,
) -> None:
    """Keep the sentences that say most of a text."""
    texts = read_texts(text, whole=True)
    _run("summarize", texts, bundle, {"sentences": sentences}, as_json=as_json)


def _run(
    task: str,
    texts: Iterable[str | EdgeError],
    bundle: str | None,
    options: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    assistant = open_assistant(load_settings(), bundle)

    def answer(request: Request) -> Answer:
        answered = assistant.begin(request)
        assert isinstance(answered, Answer), "these tasks never escalate"  # noqa: S101
        return answered

    given = {name: value for name, value in options.items() if value is not None}
    answer_all(texts, Request(text="", task=task, options=given), answer, as_json=as_json)
