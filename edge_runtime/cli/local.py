"""The verbs of the tasks that are answered on this device, always."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_runtime.cli.answering import answer_locally
from edge_runtime.cli.generation import Beams, MaxTokens, Overflow
from edge_runtime.cli.labels import given_labels
from edge_runtime.cli.options import BundleOption, Json, Text
from edge_runtime.cli.texts import read_texts

Head = Annotated[
    str | None, typer.Option("--head", help="The bundle's head; the first fitting one if left out.")
]


def classify(
    text: Text,
    bundle: BundleOption = None,
    head: Head = None,
    labels: Annotated[
        str | None, typer.Option("--labels", help="Labels of your own, by meaning: A,B,C.")
    ] = None,
    labels_file: Annotated[
        Path | None,
        typer.Option("--labels-file", help="The same, one a line, or NAME<tab>MEANING."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Name the label of a text: one that the bundle's head knows, or one of your own."""
    options = {"head": head, "labels": given_labels(labels, labels_file)}
    answer_locally("classify", read_texts(text), bundle, options, as_json=as_json)


def tag(text: Text, bundle: BundleOption = None, head: Head = None, as_json: Json = False) -> None:
    """Find people, places and organisations, with their character spans."""
    answer_locally("tag", read_texts(text), bundle, {"head": head}, as_json=as_json)


def embed(text: Text, bundle: BundleOption = None, as_json: Json = False) -> None:
    """Turn a text into a unit vector; the dot product of two is their similarity."""
    answer_locally("embed", read_texts(text), bundle, {}, as_json=as_json)


def summarize(
    text: Annotated[str, typer.Argument(help="The text, or - for all of standard input.")],
    sentences: Annotated[
        int | None, typer.Option(min=1, help="How many sentences to keep.")
    ] = None,
    bundle: BundleOption = None,
    max_tokens: MaxTokens = None,
    beams: Beams = None,
    overflow: Overflow = None,
    as_json: Json = False,
) -> None:
    """Keep the sentences that say most of a text, or write a summary with a bundle that writes."""
    options = {
        "sentences": sentences, "max_tokens": max_tokens, "beams": beams, "overflow": overflow,
    }  # fmt: skip
    answer_locally("summarize", read_texts(text, whole=True), bundle, options, as_json=as_json)


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
    answer_locally("answer", texts, bundle, {"question": question}, as_json=as_json)
