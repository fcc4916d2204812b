"""The demo's result for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from benchmarks.demo.app import Outcome
from edge_runtime.cli.output import headline
from edge_runtime.messages import Answer, Escalation, decode

_QUERY_CHARACTERS = 60
_ANSWER_CHARACTERS = 90
_NARROWEST = 150


def print_table(outcomes: list[Outcome], problems: list[str]) -> None:
    """Print one row for each answer, then what left the device, then what was wrong."""
    console = Console()
    if console.width < _NARROWEST:
        console = Console(width=_NARROWEST)
    table = Table(show_lines=False, pad_edge=False, box=None, header_style="bold")
    for name in ("query", "task or intent", "source", "answer", "conf.", "reason", "ms"):
        table.add_column(name, justify="right" if name in {"conf.", "ms"} else "left")
    for outcome in outcomes:
        for answer, ms in outcome.answers:
            table.add_row(*_row(outcome, answer, ms))
    console.print(table)
    console.print("\nWhat left the device:", style="bold")
    for outcome in outcomes:
        query = _cut(outcome.query.text, _QUERY_CHARACTERS)
        sent = [decode(payload, Escalation) for payload in outcome.left]
        size_bytes = sum(map(len, outcome.left))
        for escalation in sent[:1]:
            repeated = f" in {len(sent)} messages" if len(sent) > 1 else ""
            console.print(f"  {size_bytes:5d} bytes{repeated}: {escalation.text}", markup=False)
        if not sent:
            console.print(f"      0 bytes: {query}", markup=False)
    for problem in problems:
        console.print(f"WRONG: {problem}", style="bold red", markup=False)


def _row(outcome: Outcome, answer: Answer, ms: float) -> list[str]:
    result = answer.result or {}
    name = result.get("intent", answer.task) if answer.task == "ask" else answer.task
    source = answer.source if answer.status == "ok" else answer.status
    text = headline(answer) if answer.error is None else answer.error.message
    reason = "; ".join([*answer.reason, *(f"redacted {part}" for part in answer.redacted)])
    cells = [
        _cut(outcome.query.text, _QUERY_CHARACTERS), str(name), source,
        _cut(text, _ANSWER_CHARACTERS), f"{answer.confidence:.2f}", reason, f"{ms:.1f}",
    ]  # fmt: skip
    return [cell.replace("[", r"\[") for cell in cells]


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
