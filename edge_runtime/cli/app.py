"""``edge-run``: the device's command."""

from __future__ import annotations

import functools
from typing import Any, cast

import typer

import edge_runtime
from edge_runtime.cli.ask import ask
from edge_runtime.cli.asyncapi import asyncapi
from edge_runtime.cli.broker_files import broker_files
from edge_runtime.cli.chat import chat
from edge_runtime.cli.dashboard import dashboard
from edge_runtime.cli.doctor import doctor
from edge_runtime.cli.forget import forget
from edge_runtime.cli.generation import generate, translate
from edge_runtime.cli.install_service import install_service, uninstall_service
from edge_runtime.cli.local import answer, classify, embed, summarize, tag
from edge_runtime.cli.local_socket.call import DeclinedError
from edge_runtime.cli.models import models
from edge_runtime.cli.mqtt import mqtt
from edge_runtime.cli.policy import policy
from edge_runtime.cli.queue import queue
from edge_runtime.cli.run import make_app, run_app
from edge_runtime.cli.serve import serve
from edge_runtime.cli.update import update

app = make_app(
    "edge-run",
    "Small language models that answer on this device, and know when to ask a large one.",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"edge-run {edge_runtime.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
    __: bool = typer.Option(
        False, "-v", "--verbose", help="Say whether a running node did it, or this process."
    ),
    ___: bool = typer.Option(
        False, "--no-socket", help="Do it in this process, as EDGE_SOCKET=off does."
    ),
) -> None:
    pass  # edge_runtime.cli.entry has read the last two


for verb in (
    ask, chat, classify, tag, embed, summarize, answer, generate, translate, serve, doctor, forget,
    dashboard, install_service, uninstall_service, broker_files, asyncapi,
):  # fmt: skip
    app.command()(verb)
app.add_typer(models, name="models")
app.add_typer(policy, name="policy")
app.add_typer(queue, name="queue")
app.add_typer(mqtt, name="mqtt")
app.add_typer(update, name="update")


# typer exports its subclass only
_USAGE_ERROR = cast("type[Exception]", typer.BadParameter.__bases__[0])


@functools.cache
def _command() -> Any:  # noqa: ANN401 - of the click that typer brings, or of its own copy of it
    return typer.main.get_command(app)


def run_verb(arguments: list[str]) -> int:
    """Run a verb as a part of this process and return its exit status.

    Raises:
        DeclinedError: the arguments are wrong; whoever gave them is told by its own process.
        EdgeError: as the verb raises it.
        SystemExit: the verb ends with another status than 0.
    """
    try:
        status = _command().main(args=arguments, prog_name="edge-run", standalone_mode=False)
    except _USAGE_ERROR as exc:
        raise DeclinedError("the arguments are wrong") from exc
    return status if isinstance(status, int) else 0


def main() -> None:
    """Run the command; an error is one line on stderr and exit status 1."""
    # by that name also where it runs as a module, out of a tree that an update brought
    run_app(functools.partial(app, prog_name="edge-run"))


if __name__ == "__main__":
    main()
