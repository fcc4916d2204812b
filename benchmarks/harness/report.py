"""A benchmark's results: a table for people, a document with everything for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import machine
from benchmarks.harness.alternation import Runs
from benchmarks.harness.figures import Verdict, figures

PACKAGES = ("edge-runtime", "numpy", "onnx", "onnxruntime", "torch", "transformers")


def begin(benchmark: str, packages: Sequence[str] = PACKAGES) -> dict[str, Any]:
    """Return the head of a document: what the figures will depend on."""
    return {
        "benchmark": benchmark,
        **machine.commit(),
        **machine.cpu(),
        "load_average_before": machine.load_average(),
        "versions": machine.versions(packages),
    }


def of_runs(runs: Runs, verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """Return the part of a document that holds what was measured."""
    return {
        "load_average_after": machine.load_average(),
        "busy_cores": runs.busy_cores,
        "missing": [
            {"group": group, "contestant": name, "reason": reason}
            for (group, name), reason in runs.missing.items()
        ],
        "footprints": [
            {"group": group, "contestant": name, **dataclasses.asdict(footprint)}
            for (group, name), footprint in runs.footprints.items()
        ],
        "facts": [
            {"group": group, "contestant": name, "case": case, **facts}
            for (group, name, case), facts in runs.facts.items()
            if facts
        ],
        "figures": [dataclasses.asdict(each) for each in figures(runs.samples)],
        "goals": [
            {
                **dataclasses.asdict(verdict.goal),
                "ratio": dataclasses.asdict(verdict.ratio) if verdict.ratio else None,
                "is_met": verdict.is_met,
                "is_certain": verdict.is_certain,
            }
            for verdict in verdicts
        ],
        "samples": [
            {
                **dataclasses.asdict(each),
                "wall_s": round(each.wall_s, 7),
                "cpu_s": round(each.cpu_s, 7),
            }
            for each in runs.samples
        ],
    }


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]], *, text_columns: int = 1) -> str:
    """Return a Markdown table; columns after the first ``text_columns`` are numbers."""
    rule = ["---"] * text_columns + ["---:"] * (len(header) - text_columns)
    lines = [[cell.replace("|", r"\|") for cell in line] for line in (header, rule, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def goal_table(verdicts: Sequence[Verdict]) -> str:
    """Return a line for each goal: what is wanted, the ratio with its interval, and whether."""
    rows = []
    for verdict in verdicts:
        ratio = verdict.ratio
        measured = f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})" if ratio else ""
        words = {None: "not measured", True: "met", False: "MISSED"}[verdict.is_met]
        unsure = ""
        if ratio is not None and verdict.is_disturbed:
            words = f"not decided: others used {verdict.busy_cores:.1f} cores"
        elif ratio is not None and not verdict.is_certain:
            unsure = ", within the noise"
        rows.append([verdict.goal.sentence(), words + unsure, measured])
    return markdown(["Goal", "", "Ratio (95 % interval)"], rows, text_columns=2)


def publish(table: str, document: Mapping[str, Any], out: Path | None) -> None:
    """Print the table and, as the last line, the document; write both to ``out`` as well."""
    line = json.dumps(document, default=str)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "table.md").write_text(f"{table}\n")
        (out / "results.json").write_text(f"{line}\n")
    print(f"{table}\n\n{line}")
