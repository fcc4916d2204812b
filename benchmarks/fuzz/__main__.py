"""``python -m benchmarks.fuzz --cases 100000``: exit status 1 if a goal is missed.

The last line of stdout is a JSON document.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.fuzz.goals import goals_met
from benchmarks.fuzz.run import run
from benchmarks.harness.report import begin, markdown, publish

_PACKAGES = ("edge-runtime", "hypothesis", "msgspec", "paho-mqtt")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    document = begin("fuzz", _PACKAGES)
    found = run(options.cases, options.seed, assistant=options.assistant)
    goals = goals_met(found)
    document |= {
        "seed": options.seed,
        "handler": "assistant" if options.assistant else "plain",
        **msgspec.to_builtins(found),
        "goals": msgspec.to_builtins(goals),
    }
    rows = [[each.wanted, "met" if each.is_met else "MISSED", each.measured] for each in goals]
    publish(markdown(["Goal", "", "Found"], rows, text_columns=2), document, options.out)
    return 0 if all(each.is_met for each in goals) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument(
        "--assistant", action="store_true", help="a node with the default bundle, not a plain one"
    )
    parser.add_argument("--out", type=Path, help="directory for table.md and results.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
