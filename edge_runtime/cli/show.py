"""``models show``: what a bundle is, what it may promise, and what it takes to run it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from edge_runtime.cli.options import Json
from edge_runtime.settings import load_settings

if TYPE_CHECKING:
    from edge_runtime.bundles.estimate import Estimate, Machine
    from edge_runtime.bundles.manifest import Calibration
    from edge_runtime.bundles.store import Bundle

BundleArgument = Annotated[
    str, typer.Argument(help="A bundle's name or directory; NAME:q4 names a precision.")
]


def show(
    bundle: BundleArgument = "assistant",
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Tell the memory and speed to expect here.")
    ] = False,
    context: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens that the estimate is for; the most it reads if left out."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a bundle's manifest: heads, quality, calibration, origin."""
    from edge_runtime.bundles.store import Store

    opened = Store(load_settings().state_directory).look(bundle)
    if not estimate:
        print(msgspec.json.encode(opened.manifest).decode() if as_json else _described(opened))
        return
    from edge_runtime.bundles.demand import demand_of
    from edge_runtime.bundles.estimate import estimate as estimated
    from edge_runtime.bundles.machine import measure_machine

    machine = measure_machine()
    found = estimated(demand_of(opened), machine, context)
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        print("\n".join(estimate_lines(found, machine)))


def estimate_lines(found: Estimate, machine: Machine) -> Iterator[str]:
    """Yield an estimate for people."""
    parts = {
        "weights": found.kept_bytes + found.packed_bytes,
        "KV cache": found.kv_cache_bytes,
        "scratch": found.scratch_bytes,
        "process": found.process_bytes,
    }
    listed = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in parts.items() if size)
    yield f"estimate for {found.context} tokens, one thread; nothing was loaded"
    disk, memory = found.disk_bytes / 1e6, found.memory_bytes / 1e6
    yield f"  disk {disk:.0f} MB, memory {memory:.0f} MB: {listed}"
    if found.generation_tps is not None:
        speed = f"reads {found.prompt_tps:.0f} tokens/s, writes {found.generation_tps:.1f} tokens/s"
    else:
        speed = f"{found.latency_ms:.1f} ms"
    dot = "" if machine.has_dot_product else ", no int8 dot product"
    yield f"  {speed} (memory at {machine.bytes_per_s / 1e9:.1f} GB/s{dot})"


def _described(opened: Bundle) -> str:
    manifest = opened.manifest
    lines = [
        f"{opened.model_name}  version {manifest.version}  {opened.path}",
        f"from {manifest.source.model} ({manifest.source.licence or 'licence unknown'})",
        f"graph {manifest.graph.form}, opset {manifest.graph.opset}, {manifest.target}",
        *(f"  {part}: {how}" for part, how in manifest.quantization.items()),
    ]
    if not manifest.report:
        lines.append("no report: how good it is was not measured here")
    for name, head in manifest.heads.items():
        more = f", {len(head.labels)} labels" if head.labels else ""
        more += f", {head.pooling} of the tokens" if head.pooling != "none" else ""
        lines.append(f"head {name}: {head.type}{more}")
        if calibration := manifest.calibration.get(name):
            lines.append(f"  {_promise(calibration)}")
    for name, calibration in manifest.calibration.items():
        if name not in manifest.heads:
            lines.append(f"calibration {name}")
            lines += [f"  {line}" for line in (_promise(calibration), *_rests_on(calibration))]
    return "\n".join(lines)


def _promise(calibration: Calibration) -> str:
    threshold = calibration.threshold
    promise = (
        f"error <= {calibration.alpha:g} (certainty {1 - calibration.delta:g}) from "
        f"confidence {threshold:.3f}, coverage {calibration.coverage:.2f}"
        if threshold is not None
        else "no threshold passed, so no guarantee"
    )
    auroc = "-" if calibration.auroc is None else f"{calibration.auroc:.3f}"
    if calibration.auroc_interval:
        low, high = min(calibration.auroc_interval), max(calibration.auroc_interval)
        auroc += f" ({low:.3f} to {high:.3f})"
    return f"{promise}; n {calibration.n}, AUROC {auroc}"


def _rests_on(calibration: Calibration) -> Iterator[str]:
    """Yield what only the calibration of written text says."""
    if calibration.basis is not None:
        yield calibration.basis
    if calibration.max_tokens is not None:
        yield f"for answers of at most {calibration.max_tokens} tokens"
