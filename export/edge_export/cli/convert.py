"""``convert``: a Hugging Face model to an int8 bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from edge_export.cli.extra import needs_extra


def convert(
    model: Annotated[str, typer.Argument(help="A directory by save_pretrained, or a hub id.")],
    task: Annotated[
        str,
        typer.Option(help="text-classification, token-classification or feature-extraction."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The bundle to write.")],
    target: Annotated[str, typer.Option(help="The device's profile.")] = "generic-arm64",
    name: Annotated[str | None, typer.Option(help="The bundle's name.")] = None,
    head: Annotated[str | None, typer.Option(help="The head's name, such as intent.")] = None,
    revision: Annotated[str | None, typer.Option(help="A revision on the hub.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing bundle.")] = False,
    allow_drop: Annotated[
        bool, typer.Option("--allow-drop", help="Write it although int8 changed too much.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest.")] = False,
) -> None:
    """Export a model through optimum, quantize it for a device, and compare with the original."""
    with needs_extra():
        from edge_export.convert import convert as run

    manifest = run(
        model, task, target, output, name=name, head=head, revision=revision, force=force,
        allow_drop=allow_drop,
    )  # fmt: skip
    if as_json:
        print(msgspec.json.encode(manifest).decode())
        return
    report = manifest.report
    sizes, parity = report["size_bytes"], report["int8_against_fp32"]
    same = parity["agreement"]
    print(
        f"{output}: {manifest.name} for {manifest.target}, "
        f"{sizes['fp32'] / 1e6:.1f} -> {sizes['int8'] / 1e6:.1f} MB, "
        f"cosine to fp32 {parity['cosine']:.4f}, "
        f"{'' if same is None else f'same best label {same:.1%}, '}"
        f"{report['latency_ms']['fp32']:.2f} -> {report['latency_ms']['int8']:.2f} ms"
    )
