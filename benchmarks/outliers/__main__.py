"""``python -m benchmarks.outliers``: exit status 1 if our default form misses the goal.

The table and, as the last line of stdout, a JSON document with every figure and what it depends on;
progress on stderr.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.harness.plot import draw
from benchmarks.harness.report import begin, publish
from benchmarks.outliers.bench import Bench, Settings
from benchmarks.outliers.models import VARIANTS
from benchmarks.outliers.ours import FORMS
from benchmarks.outliers.results import judge, panels, to_markdown


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = vars(_parser().parse_args(arguments))
    variants, out, work = (options.pop(name) for name in ("variants", "out", "work"))
    settings = Settings(**options)
    torch.set_num_threads(settings.threads)
    document = begin("outliers")
    with tempfile.TemporaryDirectory(prefix="edge-outliers-") as name:
        bench = Bench(settings, work or Path(name))
        for variant in variants:
            bench.measure(variant)
    goals = [judge(bench.results, variant) for variant in variants]
    table = to_markdown(bench.results, goals)
    document |= {
        "peer_versions": bench.peer_versions,
        "settings": {
            key: value
            for key, value in dataclasses.asdict(settings).items()
            if key != "llama_python"  # a path of the machine
        },
        "seeds": settings.seeds,
        "results": [dataclasses.asdict(result) for result in bench.results],
        "goals": [dataclasses.asdict(goal) for goal in goals],
    }
    if out is not None:
        draw(panels(bench.results), out / "plot.png")
    publish(table, document, out)
    return 1 if any(goal.is_met is False for goal in goals) else 0


def _parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.outliers",
        description="Compare quantized decoders with llama.cpp's on planted activation outliers.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--variants", nargs="+", choices=VARIANTS, default=VARIANTS, help="models to measure")
    add("--forms", nargs="*", choices=FORMS, default=FORMS, help="our forms to measure")
    add("--llama-python", type=Path, help="Python that has llama-cpp-python, gguf, safetensors")
    add("--layers", type=int, default=default.layers, help="SmolLM2-135M has 30")
    add("--seed", type=int, default=default.seed, help="the model's; the ids' follow from it")
    add("--sequences", type=int, default=default.sequences, help="measured")
    add("--calibration-sequences", type=int, default=default.calibration_sequences, help="of text")
    add("--length", type=int, default=default.length, help="tokens of a sequence")
    add("--threads", type=int, default=default.threads, help="of each runtime")
    add("--work", type=Path, help="keep models, bundles and GGUFs here, 2 GB for each model")
    add("--out", type=Path, help="write results.json, table.md and plot.png here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
