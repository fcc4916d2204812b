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

import msgspec

from benchmarks.harness.options import add_split, data_parser
from benchmarks.harness.plot import Bar, Panel, draw
from benchmarks.harness.rates import Rate
from benchmarks.harness.report import begin, markdown, publish
from benchmarks.harness.statistics import Ratio
from benchmarks.written.cost import Cost, costs
from benchmarks.written.sets import SETS, read_questions
from benchmarks.written.signals import ALL, MARGINS, by_chance, gain, ranked, signals
from edge_export.evaluation.metrics import Score
from edge_export.evaluation.written import Written, answer_questions
from edge_export.written_fitting import calibration_error
from edge_runtime.bundles.store import Store
from edge_runtime.tasks.generation import TextGenerator

_PACKAGES = ("edge-runtime", "numpy", "onnxruntime")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    document = begin("written", _PACKAGES)
    bundle = Store(None).open(options.bundle)
    generator = TextGenerator(bundle)
    results, prompts = {}, []
    for name in SETS:
        questions = read_questions(name, options.data, options.split, options.rows)
        written = answer_questions(
            generator, [each.text for each in questions], [[each.answer] for each in questions]
        )
        results[name] = _result(generator, written)
        prompts.append(written.prompts[0])
    gives_states = written.states is not None
    found = costs(bundle, prompts, options.rounds) if gives_states and options.rounds else []
    if options.out is not None:
        draw([_panel(name, each) for name, each in results.items()], options.out / "auroc.png")
    document |= {
        "bundle": bundle.model_name,
        "split": options.split,
        "sets": results,
        "cost": [dataclasses.asdict(each) for each in found],
    }
    tables = [_table(results), *([_cost_table(found)] if found else [])]
    publish("\n\n".join(tables), document, options.out)
    return 0


def _result(generator: TextGenerator, written: Written) -> dict[str, Any]:
    right = written.right
    rate = Rate(int(right.sum()), len(right))
    result: dict[str, Any] = {"n": rate.n, "accuracy": rate.share, "interval": rate.interval}
    made = signals(generator, written)
    auroc = {name: ranked(signal, right) for name, signal in made.items()}
    result["auroc"] = {name: msgspec.to_builtins(each) for name, each in auroc.items()}
    if ALL in made:
        result["gain"] = msgspec.to_builtins(gain(made[ALL], made[MARGINS], right))
    sure = made.get(ALL, made[MARGINS])
    result["calibration_error"] = calibration_error(sure, right)
    result["calibration_error_by_chance"] = by_chance(sure)
    return result


def _table(results: dict[str, dict[str, Any]]) -> str:
    names = list(next(iter(results.values()))["auroc"])
    rows = [["n", *(f"{each['n']}" for each in results.values())]]
    rows += [["right", *(f"{each['accuracy']:.1%}" for each in results.values())]]
    rows += [
        [f"AUROC: {name}", *(_cell(each["auroc"][name]) for each in results.values())]
        for name in names
    ]
    if ALL in names:
        title = f"AUROC of {ALL}, minus {MARGINS}"
        rows += [[title, *(_cell(each["gain"], "+") for each in results.values())]]
    for title, key in (
        ("calibration error", "calibration_error"),
        ("that of a perfect confidence, by chance", "calibration_error_by_chance"),
    ):
        rows += [[title, *(f"{each[key]:.3f}" for each in results.values())]]
    return markdown(["", *results], rows)


def _cost_table(found: Sequence[Cost]) -> str:
    rows = [
        [each.over, _ratio(each.first), _ratio(each.rest), f"{each.same_text} of {each.rounds}"]
        for each in found
    ]
    header = ["CPU time with a probe, against", "to the first text", "after it", "same text"]
    return markdown(header, rows)


def _ratio(ratio: Ratio) -> str:
    return f"{ratio.median:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"


def _cell(score: dict[str, float | None], sign: str = "") -> str:
    values = [score[part] for part in ("value", "low", "high")]
    value, low, high = ("" if each is None else f"{each:{sign}.3f}" for each in values)
    return f"{value} ({low} to {high})" if value else ""


def _panel(name: str, result: dict[str, Any]) -> Panel:
    ranks = {signal: msgspec.convert(rank, Score) for signal, rank in result["auroc"].items()}
    shipped = ALL if ALL in ranks else MARGINS
    return Panel(
        f"{name}: AUROC",
        "",
        [
            Bar(signal, rank.value, rank.low, rank.high, signal == shipped)
            for signal, rank in ranks.items()
            if rank.value is not None and rank.low is not None and rank.high is not None
        ],
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
    parser.add_argument("--rounds", type=int, default=24, help="of measuring what a probe costs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
