"""``edge-cloud``: the worker beside a large model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_runtime.cli.cloud_spend import State, spend, worker_state
from edge_runtime.cli.escalate import broker_settings
from edge_runtime.cli.options import Broker
from edge_runtime.cli.run import make_app, run_app
from edge_runtime.cli.service import log_to_stderr, run_until_signalled, signals_held
from edge_runtime.errors import ConfigError
from edge_runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from edge_runtime.bridge.cloud.answering import Answering
    from edge_runtime.bridge.cloud.llm import Llm

app = make_app(
    "edge-cloud",
    "A worker beside a large model: answers what the small models on the nodes cannot.",
)


app.command()(spend)


@app.command()
def serve(
    broker: Broker = None,
    llm: Annotated[
        str | None,
        typer.Option("--llm", metavar="URL", help="An OpenAI-compatible endpoint, or inspect."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model's name; may be left out if there is one only.")
    ] = None,
    worker: Annotated[
        str | None,
        typer.Option("--id", help="This worker's name; host name and process if left out."),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="A private file with the key; else OPENAI_API_KEY.")
    ] = None,
    price_in: Annotated[
        float | None, typer.Option(min=0, help="USD per million prompt tokens; 0 if it is free.")
    ] = None,
    price_out: Annotated[
        float | None, typer.Option(min=0, help="USD per million answer tokens; 0 if it is free.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls to the LLM at once.")] = 4,
    timeout_s: Annotated[float, typer.Option(min=1, help="The longest call to the LLM.")] = 60.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="The longest answer, in tokens.")] = 512,
    prompt: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A Jinja template for the system prompt."),
    ] = None,
    budget: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML: what all nodes and each may spend a day."),
    ] = None,
    drain_s: Annotated[
        float, typer.Option(min=0, help="How long calls may go on when it is stopped.")
    ] = 5.0,
    announce_s: Annotated[
        float, typer.Option(min=1, help="How often it says that it is there.")
    ] = 30.0,
    state: State = None,
    protocol: Annotated[
        str | None, typer.Option(metavar="5|3.1.1", help="The broker's newest MQTT version.")
    ] = None,
) -> None:
    """Answer escalations with a large model; `--llm inspect` shows what one would be sent."""
    settings = load_settings(
        broker=broker, llm_url=llm, llm_model=model, mqtt_protocol=protocol,
        llm_key_file=str(key_file) if key_file else None, state=state,
    )  # fmt: skip
    if settings.broker is None:
        raise ConfigError("which broker? give --broker mqtt://localhost, or set EDGE_BROKER")
    if settings.llm_url is None:
        raise ConfigError("which LLM? give --llm URL, or --llm inspect to see what would be sent")
    log_to_stderr()
    with signals_held():
        from edge_runtime.bridge.cloud.llm import make_llm
        from edge_runtime.bridge.cloud.prompt import build_messages
        from edge_runtime.bridge.cloud.prompt_template import read_template
        from edge_runtime.bridge.cloud.worker import Worker
        from edge_runtime.bridge.cloud.written import Price

        unpriced = price_in is None and price_out is None
        large = make_llm(
            settings.llm_url,
            model=settings.llm_model,
            key_file=Path(settings.llm_key_file) if settings.llm_key_file else None,
            price=None if unpriced else Price(price_in or 0.0, price_out or 0.0),
            timeout_s=timeout_s,
            max_tokens=max_tokens,
            prompt=build_messages if prompt is None else read_template(prompt),
        )
        name = worker or f"{settings.node_name[:50]}-{os.getpid()}"
        run_until_signalled(
            Worker(
                broker_settings(settings, settings.broker),
                large,
                name=name,
                concurrency=concurrency,
                answering=_answering(large, settings, budget),
                drain_s=drain_s,
                announce_s=announce_s,
            )
        )


def _answering(llm: Llm, settings: Settings, budget: Path | None) -> Answering:
    from edge_runtime.assistant.governing.ledger import FILE_NAME, Ledger
    from edge_runtime.bridge.cloud.answering import Answering
    from edge_runtime.bridge.cloud.budget import NodeAccounts, NodeBudgets, read_budgets
    from edge_runtime.bridge.cloud.spend import FILE_NAME as SPEND_FILE
    from edge_runtime.bridge.cloud.spend import SpendBook

    directory = worker_state(settings)
    return Answering(
        llm,
        accounts=NodeAccounts(
            NodeBudgets() if budget is None else read_budgets(budget),
            Ledger(directory / FILE_NAME),
        ),
        spend=SpendBook(directory / SPEND_FILE),
    )


def main() -> None:
    """Run the command; an error is one line on stderr and exit status 1."""
    run_app(app)


if __name__ == "__main__":
    main()
