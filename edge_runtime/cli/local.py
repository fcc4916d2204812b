"""The verbs of the tasks that are answered on this device, always."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from edge_runtime.cli.answering import answer_all, open_assistant
from edge_runtime.cli.options import BundleOption, Json, Text
from edge_runtime.cli.settings import load_settings
from edge_runtime.cli.texts import read_texts
from edge_runtime.errors import EdgeError, UnsupportedTaskError
from edge_runtime.messages import Answer, Request

Head = Annotated[
    str | None, typer.Option("--head", help="The bundle's head; the first fitting one if left out.")
]

MaxTokens = Annotated[int | None, typer.Option(min=1, help="How many tokens to write at most.")]

# the bundle for a verb that the default one does not know
_MADE_FOR = {
    "answer": "question-answering",
    "generate": "text-generation",
    "summarize": "summarization",
    "translate": "translation",
}


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


def answer(
    question: Annotated[str, typer.Argument(help="The question.")],
    context: Annotated[
        str, typer.Option("--context", help="The text to look in, or - for standard input.")
    ] = "-",
    bundle: BundleOption = None,
    as_json: Json = False,
) -> None:
    """Find the words of a text that answer a question; takes a question-answering bundle."""
    texts = read_texts(context, whole=True)
    _run("answer", texts, bundle, {"question": question}, as_json=as_json)


def generate(
    text: Text, bundle: BundleOption = None, max_tokens: MaxTokens = None, as_json: Json = False
) -> None:
    """Continue a text; takes a text-generation bundle."""
    _run("generate", read_texts(text), bundle, {"max_tokens": max_tokens}, as_json=as_json)


def translate(
    text: Text, bundle: BundleOption = None, max_tokens: MaxTokens = None, as_json: Json = False
) -> None:
    """Translate a text; takes a translation bundle."""
    _run("translate", read_texts(text), bundle, {"max_tokens": max_tokens}, as_json=as_json)


def _run(
    task: str,
    texts: Iterable[str | EdgeError],
    bundle: str | None,
    options: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    assistant = open_assistant(load_settings(), bundle)

    if task not in assistant.tasks:
        name = assistant.bundle.manifest.name
        made = _MADE_FOR.get(task)
        raise UnsupportedTaskError(
            f"bundle {name!r} does not {task}, but {', '.join(assistant.tasks)}"
            + (
                f"; make one that does: edge-export convert MODEL --task {made} -o DIR, then -m DIR"
                if made
                else ""
            )
        )

    def answered(request: Request) -> Answer:
        found = assistant.begin(request)
        assert isinstance(found, Answer), "these tasks never escalate"  # noqa: S101
        return found

    given = {name: value for name, value in options.items() if value is not None}
    answer_all(texts, Request(text="", task=task, options=given), answered, as_json=as_json)
