"""``python -m benchmarks.decoders.growth``: how the cost of prefill and decode grows."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.decoders.bench import Bench, Settings
from benchmarks.decoders.contestants import DEFAULT, FORMS, FOUR_BITS, LLAMA_Q8
from benchmarks.decoders.shapes import SHAPES
from benchmarks.harness.alternation import Sample
from benchmarks.harness.figures import Figure, figures
from benchmarks.harness.groups import clock
from benchmarks.harness.plot import Line, draw_lines
from benchmarks.harness.report import begin, markdown, of_runs, publish
from benchmarks.harness.statistics import Growth, growth

_TOKENS = 32  # made at the end of each length
_LENGTHS = (128, 256, 512, 1024, 2048, 4096)
_NAMES = (DEFAULT, FOUR_BITS, LLAMA_Q8)


@dataclasses.dataclass(frozen=True)
class Curve:
    """Milliseconds by length: of all of prefill, or of one decoded token; and how they grow."""

    group: str
    contestant: str
    part: str
    tokens: list[int]
    ms: list[float]
    growth: Growth


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; there is nothing to miss."""
    options = _parser().parse_args(arguments)
    settings = Settings(
        shapes=options.shapes,
        threads=options.threads,
        rounds=options.rounds,
        contexts={length - _TOKENS - 1: _TOKENS for length in options.lengths},
        forms=[form for form in FORMS if form.name in options.forms],
        pythons={"llama": options.llama_python},
    )
    document = begin("decoder growth")
    with tempfile.TemporaryDirectory(prefix="edge-growth-") as name:
        bench = Bench(settings, options.work or Path(name))
        for shape in settings.shapes:
            bench.measure(shape)
    found = curves(bench.runs.samples)
    document |= {
        "settings": {"rounds": settings.rounds, "lengths": options.lengths, "tokens": _TOKENS},
        "curves": [dataclasses.asdict(curve) for curve in found],
        **of_runs(bench.runs, []),
    }
    if options.out is not None:
        lines = [Line(f"{c.part}, {c.group}", c.contestant, c.tokens, c.ms) for c in found]
        draw_lines(lines, "tokens read before", "ms", options.out / "plot.png")
    publish(_table(found), document, options.out)
    return 0


def curves(samples: Sequence[Sample]) -> list[Curve]:
    """Fit the medians of each contestant's prefill and decode against the tokens read before."""
    found: dict[tuple[str, str, str], list[Figure]] = {}
    for each in figures(samples):
        if each.part in {"prefill", "decode"}:
            found.setdefault((each.group, each.contestant, each.part), []).append(each)
    return [_curve(*key, each) for key, each in found.items()]


def _curve(group: str, contestant: str, part: str, found: Sequence[Figure]) -> Curve:
    tokens = [int(each.case.split()[-1]) for each in found]
    units = [1 if part == "prefill" else _TOKENS] * len(found)
    ms = [each.ms(clock(group)).median / unit for each, unit in zip(found, units, strict=True)]
    return Curve(group, contestant, part, tokens, ms, growth(tokens, ms))


def _table(found: Sequence[Curve]) -> str:
    rows = [
        [
            each.group, each.contestant, each.part,
            " ".join(f"{n}: {ms:.1f}" for n, ms in zip(each.tokens, each.ms, strict=True)),
            f"{each.growth.exponent:.2f}", f"{each.growth.r2:.3f}",
        ]
        for each in found
    ]  # fmt: skip
    return markdown(
        ["", "", "part", "ms by tokens read before", "exponent", "R2"], rows, text_columns=4
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decoders.growth",
        description="Measure prefill and decode against the length of the context.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    names = [form.name for form in FORMS]
    add("--shapes", nargs="+", choices=SHAPES, default=["smollm2-135m"], help="models")
    add("--threads", nargs="+", type=int, default=[1], help="of each runtime")
    add("--rounds", type=int, default=5, help="turns of each after its warm-up")
    add("--lengths", nargs="+", type=int, default=list(_LENGTHS), help="of the whole sequence")
    add("--forms", nargs="+", choices=names, default=list(_NAMES), metavar="FORM", help="who")
    add("--llama-python", type=Path, help="llama.cpp's Python; see the package's docstring")
    add("--work", type=Path, help="keep the models here; else they are made each time")
    add("--out", type=Path, help="write results.json, table.md and plot.png here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
