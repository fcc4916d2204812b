"""``diff``: two bundles side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from edge_export.cli.extra import needs_extra
from edge_export.cli.options import (
    AllJson,
    BootstrapSeed,
    HeadOption,
    LabelColumn,
    TextColumn,
)
from edge_runtime.bundles.store import Store

if TYPE_CHECKING:
    from edge_export.diff import Comparison, Difference

_WIDTH = 40


def diff(
    a: Annotated[Path, typer.Argument(help="The directory of a bundle.")],
    b: Annotated[Path, typer.Argument(help="The directory of another.")],
    data: Annotated[Path | None, typer.Option(help="Labelled texts that both answer.")] = None,
    head: HeadOption = None,
    text: TextColumn = "text",
    label: LabelColumn = None,
    seed: BootstrapSeed = 13,
    as_json: AllJson = False,
) -> None:
    """Compare manifest, size and latency of two bundles, and with data what they score."""
    with needs_extra():
        from edge_export.diff import diff as run
        from edge_export.evaluation.measurement import Data

    bundles = [Store(None).open(str(each.absolute())) for each in (a, b)]
    labelled = None if data is None else Data(data, text, label)
    result = run(bundles[0], bundles[1], labelled, head=head, seed=seed)
    if as_json:
        print(msgspec.json.encode(result).decode())
    else:
        print("\n".join(_lines(result)))


def _lines(result: Comparison) -> list[str]:
    shown = [f"a: {result.a}", f"b: {result.b}"]
    sizes = result.size_bytes
    shown.append(f"size      {sizes[0] / 1e6:.2f} -> {sizes[1] / 1e6:.2f} MB "
                 f"({sizes[1] / sizes[0]:.2f} x)")  # fmt: skip
    if latency := result.latency_ms:
        shown.append(
            f"latency   {latency.a_ms:.3f} -> {latency.b_ms:.3f} ms ({latency.ratio:.2f} x, middle "
            f"half of pairs {latency.low:.2f} to {latency.high:.2f}; {latency.texts} texts, "
            f"{latency.rounds} rounds in turn, 1 thread)"
        )
    if result.metrics:
        shown.append(f"metrics over {result.n} texts, b - a with 95 % interval")
    shown += [_difference(name, each) for name, each in result.metrics.items()]
    if test := result.mcnemar:
        shown.append(
            f"  only a is right on {test.only_a} texts, only b on {test.only_b} "
            f"(exact McNemar p = {test.p:.3g})"
        )
    shown.append("manifest" if result.changes else "manifest: no difference")
    shown += [f"  {each.field}: {_short(each.a)} -> {_short(each.b)}" for each in result.changes]
    return shown


def _difference(name: str, each: Difference) -> str:
    values = ["-" if value is None else f"{value:.4f}" for value in (each.a.value, each.b.value)]
    change = (
        "" if each.difference is None
        else f"  {each.difference:+.4f} [{each.low:+.4f}, {each.high:+.4f}]"
    )  # fmt: skip
    return f"  {name:<18} {values[0]} -> {values[1]}{change}"


def _short(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return "-"
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return shown if len(shown) <= _WIDTH else f"{shown[: _WIDTH - 3]}..."
