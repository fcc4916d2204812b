"""``python -m benchmarks.encoders``: exit status 1 if a goal is missed.

The tables and, as the last line of stdout, a JSON document with every figure and what it depends
on; progress on stderr.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.encoders.contestants import FORMS, MODEL, OURS, cases, entries, goals
from benchmarks.encoders.results import (
    MEMORY_MARGIN_BYTES,
    agreements,
    bundle_bytes,
    memory_is_met,
    panels,
    to_markdown,
)
from benchmarks.encoders.source import make_source
from benchmarks.harness.alternation import Runs, alternate
from benchmarks.harness.figures import Verdict, judge
from benchmarks.harness.groups import group
from benchmarks.harness.lineup import lineup
from benchmarks.harness.plot import draw
from benchmarks.harness.report import begin, of_runs, publish
from benchmarks.outliers.models import vocabulary_size

_PEERS = ("llama", "ct2")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    pythons = {name: getattr(options, f"{name}_python") for name in _PEERS}
    forms = [form for form in FORMS if form.name in options.forms]
    document = begin("encoders")
    runs = Runs()
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="edge-encoders-") as name:
        work = (options.work or Path(name)).resolve()
        source = options.source or make_source(work)
        files = work / (options.source.name if options.source else "minilm-l6")
        for threads in options.threads:
            where = group(MODEL, threads)
            playing = entries(forms, source.resolve(), files, pythons, threads)
            with lineup(runs, where, playing) as processes:
                alternate(
                    runs, where, processes, cases(vocabulary_size(source)), rounds=options.rounds
                )
            verdicts += judge(goals(threads), runs)
        size = bundle_bytes(files / FORMS[0].file)
    found = agreements(runs)
    runs.facts.clear()  # the vectors
    document |= {
        "settings": {"threads": options.threads, "rounds": options.rounds, "forms": options.forms},
        "bundle_bytes": size,
        "memory_margin_bytes": MEMORY_MARGIN_BYTES,
        "agreements": [dataclasses.asdict(each) for each in found],
        **of_runs(runs, verdicts),
    }
    if options.out is not None:
        draw(panels(runs, OURS), options.out / "plot.png", columns=3)
    publish(to_markdown(runs, forms, found, size, verdicts), document, options.out)
    missed = any(verdict.is_met is False for verdict in verdicts)
    return 1 if missed or memory_is_met(runs, size) is False else 0


def _parser() -> argparse.ArgumentParser:
    names = [form.name for form in FORMS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.encoders",
        description="Compare an encoder with that of other runtimes, on the same weights.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--threads", nargs="+", type=int, default=[1, 2], help="of each runtime")
    add("--rounds", type=int, default=15, help="turns of each after its warm-up")
    add("--forms", nargs="+", choices=names, default=names, metavar="FORM", help="who takes part")
    add("--source", type=Path, help="a BERT by save_pretrained; else one of random weights")
    for peer in _PEERS:
        add(f"--{peer}-python", type=Path, help="the peer's Python; see benchmarks.decoders")
    add("--work", type=Path, help="keep the models here, 400 MB; else they are made each time")
    add("--out", type=Path, help="write results.json, table.md and plot.png here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
