"""``inspect``: the graphs of a bundle by operator and precision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from edge_export.cli.extra import needs_extra

if TYPE_CHECKING:
    from edge_export.inspection import GraphSummary, Value


def inspect(
    bundle: Annotated[Path, typer.Argument(help="The directory of a bundle, or of ONNX files.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Show nodes by operator, bytes by precision, the largest tensors, inputs and outputs."""
    with needs_extra():
        from edge_export.inspection import inspect_bundle

    found = inspect_bundle(bundle)
    if as_json:
        print(msgspec.json.encode(found).decode())
        return
    said = f"{found.task} for {found.target}, form {found.form}" if found.model else "no manifest"
    print(f"{found.model or found.path}: {said}, {_size(found.size_bytes)}")
    for part, how in found.quantization.items():
        print(f"  {part}: {how}")
    print("files")
    for name, size_bytes in found.files.items():
        print(f"  {_size(size_bytes):>10}  {name}")
    for graph in found.graphs:
        print("\n".join(_lines(graph)))


def _lines(graph: GraphSummary) -> list[str]:
    opsets = ", ".join(f"{domain} {version}" for domain, version in graph.opsets.items())
    shown = [f"{graph.file}: {graph.nodes} nodes, opset {opsets}"]
    shown += [f"  in   {_value(value)}" for value in graph.inputs]
    shown += [f"  out  {_value(value)}" for value in graph.outputs]
    shown.append("  nodes by operator")
    shown += [f"  {count:>10}  {name}" for name, count in graph.operators.items()]
    shown.append(f"  bytes by precision, {_size(graph.size_bytes)} in all")
    shown += [f"  {_size(size_bytes):>10}  {name}" for name, size_bytes in graph.precisions.items()]
    if graph.shared_bytes:
        shown.append(f"  {_size(graph.shared_bytes):>10}  shared with another tensor, not counted")
    shown.append("  largest tensors")
    shown += [
        f"  {_size(each.size_bytes):>10}  {each.name}  {each.precision} {each.shape}"
        for each in graph.largest
    ]
    return shown


def _value(value: Value) -> str:
    return f"{value.name}: {value.type} [{', '.join(str(size) for size in value.shape)}]"


def _size(size_bytes: int) -> str:
    if size_bytes < 1_000_000:  # noqa: PLR2004
        return f"{size_bytes / 1e3:.1f} kB"
    return f"{size_bytes / 1e6:.2f} MB"
