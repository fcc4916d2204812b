"""``python -m benchmarks.queue``: exit status 1 if a goal is missed.

Tables and, as the last line of stdout, a JSON document with every figure and what it depends on;
progress on stderr.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.harness.alternation import Case, Runs, alternate
from benchmarks.harness.figures import Goal, figures, judge
from benchmarks.harness.report import begin, goal_table, markdown, of_runs, publish
from benchmarks.queue.commits import Waiting
from benchmarks.queue.lengths import Length

_SHORT, _LONG = 1000, 1_000_000
_LENGTHS, _COMMITS = "length of the queue", "group commit"
_WAITING = (1, 10, 50)
_LIMIT = 1.2

_ALONE = "one at a time"
_LENGTH_CASES: dict[str, Case] = {
    _ALONE: {"rows": 200, "together": 1},
    "twenty together": {"rows": 1000, "together": 20},
}
_COMMIT_CASES: dict[str, Case] = {"answers": {"answers": 500}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    document = begin("queue", ("edge-runtime",))
    runs = Runs()
    with ExitStack() as stack:
        directory = options.work or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-queue-"))
        )
        waiting = [stack.enter_context(Waiting(each, directory)) for each in _WAITING]
        alternate(runs, _COMMITS, waiting, _COMMIT_CASES, rounds=options.rounds)
        print(f"filling a queue with {options.rows:,} rows", file=sys.stderr, flush=True)
        lengths = [stack.enter_context(Length(rows, directory)) for rows in (_SHORT, options.rows)]
        alternate(runs, _LENGTHS, lengths, _LENGTH_CASES, rounds=options.rounds)
        sizes = {each.name: each.path.stat().st_size for each in lengths}
    short, long = lengths
    goals = [
        Goal(long.name, short.name, _LENGTHS, _ALONE, part, clock, _LIMIT, "time")
        for part in ("enqueue", "claim")
        for clock in ("cpu", "wall")
    ]
    verdicts = judge(goals, runs)
    document |= {
        "settings": {"rounds": options.rounds, "sqlite": sqlite3.sqlite_version},
        "file_bytes": sizes,
        **of_runs(runs, verdicts),
    }
    publish(f"{_table(runs)}\n\n{goal_table(verdicts)}", document, options.out)
    return 1 if any(verdict.is_met is False for verdict in verdicts) else 0


def _table(runs: Runs) -> str:
    found = figures(runs.samples)
    lengths = [
        [
            f"{each.case}: {each.part}",
            each.contestant,
            f"{1000 / each.wall_rate.median:.3f}",
            f"{1000 / each.cpu_rate.median:.3f}",
        ]
        for each in found
        if each.group == _LENGTHS
    ]
    commits = []
    for each in found:
        if each.group == _COMMITS:
            facts = runs.facts[_COMMITS, each.contestant, each.case]
            commits.append(
                [each.contestant, f"{each.wall_rate.median:,.0f}", f"{facts['on_disk_ms']:.2f}"]
            )
    header = ["a transaction", "", "wall ms", "CPU ms"]
    return "\n\n".join(
        (
            markdown(header, lengths, text_columns=2),
            markdown(["answers on their way to the disk", "kept per second", "ms, p50"], commits),
        )
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.queue",
        description="Compare the durable queue with few rows and with many, and measure how many "
        "answers it keeps in a second.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--rows", type=int, default=_LONG, help="rows of the long queue")
    add("--rounds", type=int, default=15, help="turns of each after its warm-up")
    add("--work", type=Path, help="an empty folder on the disk to measure; 0.7 GB")
    add("--out", type=Path, help="write results.json and table.md here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
