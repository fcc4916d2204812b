"""``edge-export``: Hugging Face models in, verified int8 bundles out."""

from __future__ import annotations

import typer

from edge_export.cli.convert import convert
from edge_export.cli.train import train
from edge_runtime.cli.run import run_app

app = typer.Typer(
    name="edge-export",
    help="Hugging Face models in, verified int8 bundles for a named device out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(convert)
app.command()(train)


def main() -> None:
    """Run the command; an error is one line on stderr and exit status 1."""
    run_app(app)


if __name__ == "__main__":
    main()
