"""``edge-cloud``: the worker beside a large model."""

from __future__ import annotations

import os
from functools import partial
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
        typer.Option("--id", help="This worker's name; its user name on the broker, if left out."),
    ] = None,
    strong_model: Annotated[
        str | None,
        typer.Option(help="A stronger model of the same endpoint, for questions that look hard."),
    ] = None,
    strong_above: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="From which difficulty on it is asked, unless a node's owner says."
        ),
    ] = 0.3,
    key_file: Annotated[
        Path | None, typer.Option(help="A private file with the key; else OPENAI_API_KEY.")
    ] = None,
    llm_allow_plain: Annotated[
        bool, typer.Option("--llm-allow-plain", help="Send texts over a network without TLS.")
    ] = False,
    price_in: Annotated[
        float | None, typer.Option(min=0, help="USD per million prompt tokens; 0 if it is free.")
    ] = None,
    price_out: Annotated[
        float | None, typer.Option(min=0, help="USD per million answer tokens; 0 if it is free.")
    ] = None,
    strong_price_in: Annotated[
        float | None, typer.Option(min=0, help="As --price-in, of the stronger model.")
    ] = None,
    strong_price_out: Annotated[
        float | None, typer.Option(min=0, help="As --price-out, of the stronger model.")
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
        llm_allow_plain=llm_allow_plain or None,
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
        from edge_runtime.bridge.cloud.two_models import TwoModels
        from edge_runtime.bridge.cloud.worker import Worker
        from edge_runtime.bridge.cloud.written import Price

        ask = partial(
            make_llm,
            settings.llm_url,
            key_file=Path(settings.llm_key_file) if settings.llm_key_file else None,
            timeout_s=timeout_s,
            max_tokens=max_tokens,
            allow_plain=settings.llm_allow_plain,
            prompt=build_messages if prompt is None else read_template(prompt),
        )

        def priced(prompt_usd: float | None, generation_usd: float | None) -> Price | None:
            unknown = prompt_usd is None and generation_usd is None
            return None if unknown else Price(prompt_usd or 0.0, generation_usd or 0.0)

        large = ask(model=settings.llm_model, price=priced(price_in, price_out))
        if strong_model is not None:
            strong = ask(model=strong_model, price=priced(strong_price_in, strong_price_out))
            large = TwoModels(large, strong, strong_above)
        address = broker_settings(settings, settings.broker)
        name, process = _identity(settings, worker, address.username)
        run_until_signalled(
            Worker(
                address,
                large,
                name=name,
                process=process,
                concurrency=concurrency,
                answering=_answering(large, settings, budget),
                drain_s=drain_s,
                announce_s=announce_s,
            )
        )


def _identity(settings: Settings, chosen: str | None, user: str | None) -> tuple[str, str]:
    """Return the worker's name, and what tells this process from others of the same name.

    The user name, as far as topics allow it, is the name that an ACL lets it use.
    """
    from edge_runtime.bridge.protocol.topics import is_name

    here = f"{settings.node_name[:50]}-{os.getpid()}"
    if chosen is None and user is not None and is_name(user):
        return user, here
    return chosen or here, ""


def _answering(llm: Llm, settings: Settings, budget: Path | None) -> Answering:
    from edge_runtime.assistant.governing.ledger import FILE_NAME, Ledger
    from edge_runtime.bridge.cloud.answering import Answering
    from edge_runtime.bridge.cloud.budget import NodeAccounts, NodeBudgets, read_budgets
    from edge_runtime.bridge.cloud.spend import FILE_NAME as SPEND_FILE
    from edge_runtime.bridge.cloud.spend import SpendBook

    directory = worker_state(settings)
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise ConfigError(
            f"accounts cannot be kept in {directory}: {exc.strerror}; choose another --state"
        ) from exc
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
