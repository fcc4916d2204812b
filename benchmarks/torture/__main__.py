"""``python -m benchmarks.torture``: exit status 1 if any promise of the bridge is broken.

A table and, as the last line of stdout, a JSON document; progress on stderr. A real node,
mosquitto, workers and an LLM endpoint that misbehaves run as processes of their own, and are
killed, cut off and given a full disk while apps ask.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.harness.report import begin, markdown, publish
from benchmarks.torture.options import TortureOptions
from benchmarks.torture.run import torture
from benchmarks.torture.summary import Summary, summary

_PACKAGES = ("edge-runtime", "msgspec", "openai", "paho-mqtt")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and return the exit status."""
    given = vars(_parser().parse_args(arguments))
    logs, out = given.pop("logs"), given.pop("out")
    options = TortureOptions(**given)
    document = begin("torture", _PACKAGES)
    with tempfile.TemporaryDirectory(prefix="edge-torture-logs-") as name:
        directory = Path(name) if logs is None else logs
        directory.mkdir(parents=True, exist_ok=True)
        outcome = torture(options, directory, lambda said: print(said, file=sys.stderr))
    found = summary(outcome)
    document |= {
        "command": _command(options),
        "options": dataclasses.asdict(options),
        **msgspec.to_builtins(found),
    }
    publish(_table(found), document, out)
    return 1 if found.violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=__doc__)
    for field in dataclasses.fields(TortureOptions):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=type(field.default),
            default=field.default,
            help="default: %(default)s",
        )
    parser.add_argument("--logs", type=Path, help="keep the processes' output here")
    parser.add_argument("--out", type=Path, help="write results.json and table.md here")
    return parser


def _command(options: TortureOptions) -> str:
    given = [
        f"--{field.name.replace('_', '-')} {getattr(options, field.name)}"
        for field in dataclasses.fields(options)
        if getattr(options, field.name) != field.default
    ]
    return " ".join(["python -m benchmarks.torture", *given])


def _table(found: Summary) -> str:
    rows = {
        "Requests": found.requests,
        "with a final answer": found.final,
        "with two different ones": found.different,
        "Dropped, counted": sum(found.dropped.values()),
        "Identical repeats": found.repeats,
        "without a reason nearby": found.unexplained,
        "Faults": sum(found.faults.values()),
        "LLM calls": found.llm_calls,
        "answered in full": found.llm_paid,
        "answered in full twice": found.llm_paid_twice,
        "Memory of the node at most, MiB": found.max_rss_mb,
        "Disk at most, MiB": found.max_disk_mb,
        "Seconds": found.duration_s,
        "Broken promises": found.violations,
    }
    return markdown(["", ""], [[name, f"{value}"] for name, value in rows.items()])


if __name__ == "__main__":
    sys.exit(main())
