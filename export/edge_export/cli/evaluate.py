"""``evaluate``: what a bundle scores on labelled data, and where it is wrong or slow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    from edge_export.evaluate import Evaluation

_LINES = 5
_WIDTH = 70


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="The directory of a bundle, or of ONNX files.")],
    data: Annotated[
        Path,
        typer.Option(
            help="Labelled texts (TSV, JSONL or CoNLL); for models that make text, texts, or JSON "
            'lines with "text" and "reference".'
        ),
    ],
    head: HeadOption = None,
    text: TextColumn = "text",
    label: LabelColumn = None,
    seed: BootstrapSeed = 13,
    as_json: AllJson = False,
) -> None:
    """Score a bundle with 95 % intervals; show confusions, slowest texts and surest mistakes."""
    with needs_extra():
        from edge_export.evaluate import evaluate as run
        from edge_export.evaluation.measurement import Data

    opened = Store(None).open(str(bundle.absolute()))
    result = run(opened, Data(data, text, label), head=head, seed=seed)
    if as_json:
        print(msgspec.json.encode(result).decode())
    else:
        print("\n".join(lines(result)))


def lines(result: Evaluation) -> list[str]:
    """Return the result for people."""
    head = f", head {result.head}" if result.head else ""
    shown = [f"{result.model}{head}: {result.n} texts of {result.data}, 1 thread"]
    for name, score in result.metrics.items():
        value = "-" if score.value is None else f"{score.value:.4f}"
        interval = "" if score.low is None else f"  [{score.low:.4f}, {score.high:.4f}]"
        shown.append(f"  {name:<18} {value}{interval}")
    times = ", ".join(f"{key} {value:.2f} ms" for key, value in result.latency_ms.items())
    shown.append(f"  {'latency':<18} {times}")
    if pairs := _confused(result):
        shown += ["confused most (label -> answer)", *pairs[:_LINES]]
    if result.mistakes:
        shown.append("surest while wrong (confidence, label -> answer)")
    shown += [
        f"  {each.confidence:.2f}  {each.truth or '-'} -> {each.answer or '-'}  {_short(each.text)}"
        for each in result.mistakes[:_LINES]
    ]
    slowest = [f"  {each.ms:.2f} ms  {_short(each.text)}" for each in result.slowest[:_LINES]]
    return [*shown, "slowest", *slowest]


def _confused(result: Evaluation) -> list[str]:
    pairs = [
        (count, result.labels[row], result.labels[column])
        for row, counts in enumerate(result.confusion or [])
        for column, count in enumerate(counts)
        if count and row != column
    ]
    return [
        f"  {count:>4}  {truth} -> {answer}"
        for count, truth, answer in sorted(pairs, key=lambda pair: -pair[0])
    ]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."
