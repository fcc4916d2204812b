"""Options that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

HeadOption = Annotated[str | None, typer.Option(help="The head, if there are several.")]
TextColumn = Annotated[str, typer.Option(help="The column of the text.")]
LabelColumn = Annotated[
    str | None, typer.Option(help="The column of the label, the spans or the answers.")
]
BootstrapSeed = Annotated[int, typer.Option(help="Of the bootstrap.")]
AllJson = Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")]
