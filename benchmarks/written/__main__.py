"""``python -m benchmarks.written --data DIR --bundle BUNDLE``: does it know when it is right?

Tables and, as the last line of stdout, a JSON document with every figure and what it depends on;
progress on stderr.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.assistant.labelled import expected_calibration_error
from benchmarks.harness.options import add_split, data_parser
from benchmarks.harness.plot import Bar, Panel, draw
from benchmarks.harness.rates import Rate
from benchmarks.harness.report import begin, markdown, publish
from benchmarks.written.sets import SETS, read_questions
from benchmarks.written.signals import Ranked, crossed, entropy, ranked
from edge_export.evaluation.written import Written, answer_questions
from edge_runtime.bundles.store import Store
from edge_runtime.routing.calibration import Floats
from edge_runtime.tasks.generation import TextGenerator

_PACKAGES = ("edge-runtime", "numpy", "onnxruntime")
_SHIPPED = "margins and length, fitted"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    document = begin("written", _PACKAGES)
    bundle = Store(None).open(options.bundle)
    generator = TextGenerator(bundle)
    results = {}
    for name in SETS:
        questions = read_questions(name, options.data, options.split, options.rows)
        written = answer_questions(
            generator, [each.text for each in questions], [[each.answer] for each in questions]
        )
        results[name] = _result(generator, written)
    if options.out is not None:
        draw([_panel(name, each) for name, each in results.items()], options.out / "auroc.png")
    document |= {"bundle": bundle.model_name, "split": options.split, "sets": results}
    publish(_table(results), document, options.out)
    return 0


def _result(generator: TextGenerator, written: Written) -> dict[str, Any]:
    found, right = written.features, written.right
    signals: dict[str, Floats] = {
        "mean token entropy": -entropy(generator, written),
        "length": -found["log_tokens"],
        "mean margin": found["mean_margin"],
        "least margin": found["least_margin"],
    }
    rate = Rate(int(right.sum()), len(right))
    result: dict[str, Any] = {"n": rate.n, "accuracy": rate.share, "interval": rate.interval}
    if right.any() and not right.all():
        signals[_SHIPPED] = crossed(found, right)
        result["calibration_error"] = expected_calibration_error(signals[_SHIPPED], right)
    result["auroc"] = {
        name: None if (rank := ranked(signal, right)) is None else dataclasses.asdict(rank)
        for name, signal in signals.items()
    }
    return result


def _table(results: dict[str, dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for each in results.values() for name in each["auroc"]))
    rows = [
        [
            name,
            f"{each['n']}",
            f"{each['accuracy']:.1%}",
            *(_cell(each["auroc"].get(signal)) for signal in names),
            f"{each['calibration_error']:.3f}" if "calibration_error" in each else "",
        ]
        for name, each in results.items()
    ]
    return markdown(["questions", "n", "right", *names, "calibration error"], rows)


def _cell(rank: dict[str, float] | None) -> str:
    if rank is None:
        return ""
    return f"{rank['auroc']:.3f} ({rank['low']:.3f} to {rank['high']:.3f})"


def _panel(name: str, result: dict[str, Any]) -> Panel:
    ranks = {signal: Ranked(**rank) for signal, rank in result["auroc"].items() if rank}
    return Panel(
        f"{name}: AUROC",
        "",
        [Bar(signal, r.auroc, r.low, r.high, signal == _SHIPPED) for signal, r in ranks.items()],
    )


def _parser() -> argparse.ArgumentParser:
    parser = data_parser(
        "written",
        "Let a bundle that makes text answer questions with known answers, and rank its answers by "
        "signals of its own certainty.",
        bundle="of the task text-generation",
        writes="results.json, table.md and auroc.png",
    )
    add_split(parser)
    parser.add_argument("--rows", type=int, default=400, help="questions of each set")
    return parser


if __name__ == "__main__":
    sys.exit(main())
