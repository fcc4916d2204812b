"""``edge-cloud spend``: what the worker's LLM was paid for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_runtime.cli.options import Json
from edge_runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from edge_runtime.bridge.cloud.spend import Spent

State = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="Where accounts are kept, in DIR/worker; else EDGE_STATE."),
]
_HEADER = ("day", "node", "model", "calls", "failed", "tokens in", "tokens out", "USD")
_TEXTS = 3  # columns at the left


def worker_state(settings: Settings) -> Path:
    """Return where the workers of this machine keep their accounts, apart from a node's."""
    return settings.state_directory / "worker"


def spend(
    days: Annotated[int, typer.Option(min=1, help="So many days (UTC), today included.")] = 30,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Print what was spent by day, node and model; failed calls count as calls."""
    import msgspec

    from edge_runtime.bridge.cloud.spend import FILE_NAME, SpendBook

    found = SpendBook(worker_state(load_settings(state=state)) / FILE_NAME).sums(days)
    if as_json:
        for each in found:
            print(msgspec.json.encode(each).decode())
    elif not found:
        print("nothing was spent", file=sys.stderr)
    else:
        print(_table(found))


def _table(found: Sequence[Spent]) -> str:
    rows = [_HEADER, *(_cells(each) for each in found)]
    if len(found) > 1:
        rows.append(_sum(found))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number < _TEXTS else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _cells(each: Spent) -> tuple[str, ...]:
    counts = (each.calls, each.failed, each.prompt_tokens, each.generation_tokens)
    return (each.day, each.node, each.model, *map(str, counts), f"{each.cost_usd:.6f}")


def _sum(found: Sequence[Spent]) -> tuple[str, ...]:
    names = ("calls", "failed", "prompt_tokens", "generation_tokens")
    counts = (str(sum(getattr(each, name) for each in found)) for name in names)
    return ("all", "", "", *counts, f"{sum(each.cost_usd for each in found):.6f}")
