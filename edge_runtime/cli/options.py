"""Options that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

Text = Annotated[str, typer.Argument(help="The text, or - for standard input, one text per line.")]
BundleOption = Annotated[
    str | None,
    typer.Option("-m", "--bundle", metavar="BUNDLE", help="A bundle's name or directory."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
Broker = Annotated[
    str | None,
    typer.Option("--broker", metavar="URL", help="mqtt://[user@]host[:port] or mqtts://…"),
]
