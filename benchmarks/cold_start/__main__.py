"""``python -m benchmarks.cold_start``: exit status 1 if a goal is missed.

The table and, as the last line of stdout, a JSON document with every figure and what it depends on;
progress on stderr.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.cold_start import plain_job
from benchmarks.cold_start.command import Command
from benchmarks.cold_start.model import make_plain_model
from benchmarks.cold_start.node import serving
from benchmarks.harness.alternation import Case, Runs, alternate
from benchmarks.harness.figures import Goal, figures, judge
from benchmarks.harness.plot import Bar, Panel, draw
from benchmarks.harness.report import begin, goal_table, markdown, of_runs, publish

_GROUP, _CASE, _PART = "whole process", "classify", "process"
_FLOOR = "python alone"
_PLAIN, _PLAIN_ONE = (f"onnxruntime + tokenizers, int8{how}" for how in ("", ", one thread"))
_ALONE, _THROUGH = "edge-run classify", "edge-run classify through edge-run serve"
_CASES: dict[str, Case] = {_CASE: {"text": "Please remind me to water the plants tomorrow at 9"}}
_BY_NODE = "by the node"

GOALS = [
    Goal(ours, plain, _GROUP, _CASE, _PART, "cpu", limit, "time")
    for plain in (_PLAIN, _PLAIN_ONE)
    for ours, limit in ((_ALONE, 0.75), (_THROUGH, 0.25))
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    edge_run: Path = options.edge_run.resolve()
    document = begin("cold start")
    runs = Runs()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-cold-")))
        model, tokenizer = make_plain_model((options.work or scratch).resolve() / "cold-start")
        alone = {"EDGE_SOCKET": "off", "EDGE_STATE": str(scratch / "alone")}
        contestants = [
            Command(_FLOOR, [sys.executable, "-c", "print('nothing')"]),
            *(
                Command(
                    name,
                    [sys.executable, plain_job.__file__, str(model), str(tokenizer), threads],
                )
                for name, threads in ((_PLAIN, "0"), (_PLAIN_ONE, "1"))
            ),
            Command(_ALONE, [str(edge_run), "classify"], alone),
        ]
        try:
            variables = stack.enter_context(serving(edge_run, scratch))
        except OSError as exc:
            runs.missing[_GROUP, _THROUGH] = str(exc)
        else:
            through = Command(_THROUGH, [str(edge_run), "classify"], variables)
            if _goes_to_node(edge_run, through):
                contestants.append(through)
            else:
                runs.missing[_GROUP, _THROUGH] = "edge-run does not go to the running node"
        alternate(runs, _GROUP, contestants, _CASES, rounds=options.rounds)
    verdicts = judge(GOALS, runs)
    if options.out is not None:
        draw([_panel(runs)], options.out / "plot.png")
    document |= {"settings": {"rounds": options.rounds}, **of_runs(runs, verdicts)}
    publish(f"{_table(runs)}\n\n{goal_table(verdicts)}", document, options.out)
    return 1 if any(verdict.is_met is False for verdict in verdicts) else 0


def _goes_to_node(edge_run: Path, through: Command) -> bool:
    command = [str(edge_run), "-v", "classify", _CASES[_CASE]["text"]]
    done = subprocess.run(
        command,
        env={**os.environ, **through.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0 and _BY_NODE in done.stderr


def _table(runs: Runs) -> str:
    rows = [
        [
            each.contestant,
            f"{each.cpu_ms.median:.1f} ({each.cpu_ms.mad:.1f})",
            f"{each.wall_ms.median:.1f} ({each.wall_ms.mad:.1f})",
        ]
        for each in figures(runs.samples)
    ]
    rows += [[name, f"missing: {reason}", ""] for (_, name), reason in runs.missing.items()]
    return markdown(["", "CPU ms (MAD)", "wall ms (MAD)"], rows)


def _panel(runs: Runs) -> Panel:
    bars = [
        Bar(each.contestant, each.cpu_ms.median, each.cpu_ms.q1, each.cpu_ms.q3,
            each.contestant in {_ALONE, _THROUGH})
        for each in figures(runs.samples)
    ]  # fmt: skip
    return Panel("one text, one process", "CPU ms", bars)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cold_start",
        description="Compare whole processes that answer one text.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    installed = Path(sys.executable).with_name("edge-run")
    add("--edge-run", type=Path, default=installed, help="the command, as it was installed")
    add("--rounds", type=int, default=25, help="turns of each after its warm-up")
    add("--work", type=Path, help="keep the plain model here, 200 MB; else it is made each time")
    add("--out", type=Path, help="write results.json, table.md and plot.png here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
