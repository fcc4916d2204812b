"""``train``: a recipe and data in, a calibrated int8 bundle out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from edge_export.cli.extra import needs_extra
from edge_runtime.errors import ConfigError


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name (assistant) or a .toml file.")],
    data: Annotated[Path, typer.Option(help="The directory that the recipe's files are in.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The bundle to write.")],
    alpha: Annotated[float, typer.Option(help="Error that local answers may have.")] = 0.05,
    delta: Annotated[float, typer.Option(help="1 - certainty of that.")] = 0.05,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads for the training.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing bundle.")] = False,
) -> None:
    """Fine-tune an encoder with its heads, quantize, calibrate, and report on the dev files."""
    from edge_export.bundle import check_output
    from edge_export.train.recipe import load_recipe

    if not (0 < alpha < 1 and 0 < delta < 1):
        raise ConfigError("alpha and delta must lie between 0 and 1")
    check_output(output, force=force)
    settings = load_recipe(recipe)

    # threads that spin at OpenMP's barriers make a shared machine ten times slower; torch reads
    # this when it is loaded
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with needs_extra():
        import torch

        from edge_export.train.run import train_bundle

    torch.set_num_threads(threads)
    manifest = train_bundle(settings, data, output, alpha=alpha, delta=delta, force=force)
    print(
        f"{output}: {manifest.name} {manifest.version}, trained in {manifest.report['train_s']} s"
    )
    for name, metrics in manifest.report["dev"].items():
        before, after = metrics["fp32"], metrics["int8"]
        both = (f"{key} {before[key]:g} -> {after[key]:g}" for key in after if key != "n")
        print(f"  {name}: {', '.join(both)}")
