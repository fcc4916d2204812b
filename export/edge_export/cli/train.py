"""``train``: a recipe and data in, a calibrated int8 bundle out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from edge_export.cli.extra import needs_extra
from edge_runtime.errors import ConfigError


def train(
    recipe: Annotated[str, typer.Argument(help="A .toml file, or a shipped recipe: assistant.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The bundle to write.")],
    data: Annotated[
        Path | None, typer.Option(help="The directory of the recipe's files; else its own.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Where an interrupted run is saved; else .OUTPUT.training."),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Drop what an earlier run has saved.")
    ] = False,
    alpha: Annotated[float, typer.Option(help="Error that local answers may have.")] = 0.05,
    delta: Annotated[float, typer.Option(help="1 - certainty of that.")] = 0.05,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads for the training.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing bundle.")] = False,
) -> None:
    """Fine-tune an encoder on labelled texts, quantize, calibrate, report on held-out ones.

    After Ctrl-C the same command goes on where it stood.
    """
    from edge_export.bundle import check_output
    from edge_export.train.load import data_directory, load_recipe

    if not (0 < alpha < 1 and 0 < delta < 1):
        raise ConfigError("alpha and delta must lie between 0 and 1")
    check_output(output, force=force)
    settings = load_recipe(recipe)
    directory = data_directory(recipe, data)
    saved = checkpoint or output.parent / f".{output.resolve().name}.training"

    # threads that spin at OpenMP's barriers make a shared machine ten times slower; torch reads
    # this when it is loaded
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with needs_extra():
        import torch

        from edge_export.train.report import lines
        from edge_export.train.run import Order, train_bundle

    torch.set_num_threads(threads)
    order = Order(output, alpha, delta, saved, restart=restart, force=force)
    try:
        manifest = train_bundle(settings, directory, order)
    except KeyboardInterrupt:
        if saved.exists():
            print(f"\nstopped; the same command goes on from {saved}", file=sys.stderr)
        raise
    print(
        f"{output}: {manifest.name} {manifest.version}, trained in {manifest.report['train_s']} s"
    )
    for line in lines(manifest):
        print(f"  {line}")
