"""``convert``: a Hugging Face model to a verified bundle for a device."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from edge_export.cli.extra import needs_extra
from edge_runtime.bundles.manifest import Manifest

_Form = Literal["fused", "optimum"]


def convert(
    model: Annotated[str, typer.Argument(help="A directory by save_pretrained, or a hub id.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The bundle to write.")],
    task: Annotated[
        str | None, typer.Option(help="The Hugging Face task; by default that of the model.")
    ] = None,
    target: Annotated[str, typer.Option(help="The device's profile.")] = "generic-arm64",
    quantization: Annotated[
        str | None,
        typer.Option(
            help="int8-dynamic, int8-static, int8-hybrid, int8-weight-only, int4-weight-only or "
            "fp32; by default the target's."
        ),
    ] = None,
    form: Annotated[
        _Form | None,
        typer.Option(help="The graph: fused from the weights, or as optimum exports it."),
    ] = None,
    max_length: Annotated[
        int | None, typer.Option(min=8, help="Tokens that the bundle reads at once.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Evaluation set: labelled texts; for models that make text, texts (one per "
            'line), or JSON lines with "text" and "reference".'
        ),
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option(help="Texts for the ranges of int8-static; else from --data.")
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(min=0, help="Tolerated loss: points of the metric, or percent."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The bundle's name.")] = None,
    head: Annotated[str | None, typer.Option(help="The head's name, such as intent.")] = None,
    revision: Annotated[str | None, typer.Option(help="A revision on the hub.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing bundle.")] = False,
    allow_drop: Annotated[
        bool, typer.Option("--allow-drop", help="Write it although it lost too much, marked.")
    ] = False,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Read .bin weights, which can run code.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan with sizes, and do nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the manifest, or the plan.")
    ] = False,
) -> None:
    """Export a model, quantize it for a device, and compare it with the original.

    The report goes to OUTPUT.report/ beside the bundle.
    """
    # threads that spin at OpenMP's barriers make a shared machine ten times slower; torch reads
    # this when it is loaded
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with needs_extra():
        from edge_export.convert import Options, plan_conversion
        from edge_export.convert import convert as run

    options = Options(
        model=model, output=output, task=task, target=target, quantization=quantization, form=form,
        max_length=max_length, name=name, head=head, revision=revision, data=data,
        calibrate=calibrate, max_drop=max_drop, allow_pickle=allow_pickle, allow_drop=allow_drop,
        force=force,
    )  # fmt: skip
    if dry_run:
        plan = plan_conversion(options)[2]
        if as_json:
            print(msgspec.json.encode(plan).decode())
            return
        print(
            f"{plan.model} for {plan.target}: {plan.task}, {plan.parameters / 1e6:.1f} M parameters"
        )
        for reason in plan.why:
            print(f"  {reason}")
        print(f"  size about {plan.size_bytes / 1e6:.1f} MB (fp32 {plan.fp32_bytes / 1e6:.1f} MB)")
        cache = (
            f", {plan.kv_cache_bytes / 1e6:.1f} MB of it KV cache" if plan.kv_cache_bytes else ""
        )
        print(
            f"  memory about {plan.memory_bytes / 1e6:.0f} MB with {plan.max_length} tokens{cache}"
        )
        return
    manifest = run(options)
    if as_json:
        print(msgspec.json.encode(manifest).decode())
    else:
        print(f"{output}: {_summary(manifest)}; see {output}.report/report.md")


def _summary(manifest: Manifest) -> str:
    report = manifest.report
    judgement, costs = report["judgement"], list(report["cost"].values())
    speed = next(
        (
            f"{before[key]:.4g} -> {after[key]:.4g} {unit}"
            for before, after in [(costs[0], costs[-1])]
            for key, unit in (("latency_ms", "ms"), ("generation_tps", "tokens/s"))
            if key in before
        ),
        "",
    )
    return (
        f"{manifest.name} for {manifest.target}, "
        f"{costs[0]['size_bytes'] / 1e6:.1f} -> {costs[-1]['size_bytes'] / 1e6:.1f} MB, {speed}; "
        f"{judgement['measure']} {judgement['fp32']:.4g} -> {judgement['quantized']:.4g}"
    )
