"""``python -m benchmarks.decoders``: exit status 1 if a goal is missed.

The tables and, as the last line of stdout, a JSON document with every figure and what it depends
on; progress on stderr.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.decoders.bench import Bench, Settings
from benchmarks.decoders.contestants import FORMS
from benchmarks.decoders.goals import goals
from benchmarks.decoders.results import panels, to_markdown
from benchmarks.decoders.shapes import SHAPES
from benchmarks.harness.figures import judge
from benchmarks.harness.plot import draw
from benchmarks.harness.report import begin, of_runs, publish

_PEERS = ("llama", "ct2", "genai")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    settings = Settings(
        shapes=options.shapes,
        threads=options.threads,
        rounds=options.rounds,
        forms=[form for form in FORMS if form.name in options.forms],
        pythons={name: getattr(options, f"{name}_python") for name in _PEERS},
    )
    document = begin("decoders")
    with tempfile.TemporaryDirectory(prefix="edge-decoders-") as name:
        bench = Bench(settings, options.work or Path(name))
        for shape in settings.shapes:
            bench.measure(shape)
    wanted = [goal for s in settings.shapes for t in settings.threads for goal in goals(s, t)]
    verdicts = judge(wanted, bench.runs)
    document |= {
        "settings": {
            "shapes": settings.shapes,
            "threads": settings.threads,
            "rounds": settings.rounds,
            "contexts": settings.contexts,
            "forms": options.forms,
        },
        "read_bytes_per_token": [
            {"group": group, "contestant": contestant, "bytes": count}
            for (group, contestant), count in bench.read_bytes.items()
        ],
        **of_runs(bench.runs, verdicts),
    }
    table = to_markdown(bench.runs, bench.read_bytes, settings.forms, verdicts)
    if options.out is not None:
        draw(panels(bench.runs, settings.forms), options.out / "plot.png")
    publish(table, document, options.out)
    return 1 if any(verdict.is_met is False for verdict in verdicts) else 0


def _parser() -> argparse.ArgumentParser:
    default = Settings()
    names = [form.name for form in FORMS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decoders",
        description="Compare decoders with those of other runtimes, on the same weights.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--shapes", nargs="+", choices=SHAPES, default=list(default.shapes), help="models")
    add("--threads", nargs="+", type=int, default=list(default.threads), help="of each runtime")
    add("--rounds", type=int, default=default.rounds, help="turns of each after its warm-up")
    add("--forms", nargs="+", choices=names, default=names, metavar="FORM", help="who takes part")
    for peer in _PEERS:
        add(f"--{peer}-python", type=Path, help="the peer's Python; see the package's docstring")
    add("--work", type=Path, help="keep the models here, 7 GB; else they are made each time")
    add("--out", type=Path, help="write results.json, table.md and plot.png here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
