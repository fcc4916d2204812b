"""``ask``: the whole pipeline for one text, with the large model where policy and link allow."""

from __future__ import annotations

from typing import Annotated

import typer

from edge_runtime.cli.asking import ask_all
from edge_runtime.cli.options import Broker, BundleOption, Json, Text
from edge_runtime.cli.texts import read_texts
from edge_runtime.settings import load_settings


def ask(
    text: Text,
    privacy: Annotated[
        str | None, typer.Option(metavar="local|redact|cloud", help="What may leave the device.")
    ] = None,
    when_offline: Annotated[
        str | None, typer.Option(metavar="local|queue|fail", help="If nobody can be asked.")
    ] = None,
    max_cost_usd: Annotated[
        float | None, typer.Option(min=0, help="The most that one answer may cost.")
    ] = None,
    deadline_ms: Annotated[
        int | None, typer.Option(min=1, help="The longest wait for the large model.")
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The conversation that this goes on with."),
    ] = None,
    broker: Broker = None,
    llm: Annotated[
        str | None,
        typer.Option("--llm", metavar="URL", help="An OpenAI-compatible endpoint, or inspect."),
    ] = None,
    bundle: BundleOption = None,
    as_json: Json = False,
) -> None:
    """Answer a text here when sure, else ask the large model as the policy allows."""
    policy = {
        "privacy": privacy,
        "when_offline": when_offline,
        "max_cost_usd": max_cost_usd,
        "deadline_ms": deadline_ms,
    }
    settings = load_settings(broker=broker, llm_url=llm)
    ask_all(read_texts(text), settings, policy, bundle, session=session, as_json=as_json)
