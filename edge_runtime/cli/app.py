"""``edge-run``: the device's command."""

from __future__ import annotations

import typer

import edge_runtime
from edge_runtime.cli.ask import ask
from edge_runtime.cli.doctor import doctor
from edge_runtime.cli.local import answer, classify, embed, generate, summarize, tag, translate
from edge_runtime.cli.models import models
from edge_runtime.cli.run import make_app, run_app
from edge_runtime.cli.serve import serve

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
) -> None:
    pass


for verb in (
    ask, classify, tag, embed, summarize, answer, generate, translate, serve, doctor,
):  # fmt: skip
    app.command()(verb)
app.add_typer(models, name="models")


def main() -> None:
    """Run the command; an error is one line on stderr and exit status 1."""
    run_app(app)


if __name__ == "__main__":
    main()
