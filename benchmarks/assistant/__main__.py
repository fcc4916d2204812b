"""``python -m benchmarks.assistant``: exit status 1 if a goal is missed.

A table, and as the last line of stdout a JSON document with every figure and what it depends on;
progress on stderr.
"""

from __future__ import annotations

import argparse
import datetime as dt
import platform
import time
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from benchmarks.assistant.embedding import embedding_figures
from benchmarks.assistant.figures import Figure, plain, table
from benchmarks.assistant.home import home_figures
from benchmarks.assistant.labelled import calibration_figure, labelled_figures, outcome_figures
from benchmarks.assistant.personal import personal_figures
from benchmarks.assistant.plots import draw_noise, draw_reliability
from benchmarks.assistant.robustness import noise_figures
from benchmarks.assistant.sets import DataSet, Sets
from benchmarks.assistant.tagged import tagged_figures
from benchmarks.harness.options import add_split, data_parser
from benchmarks.harness.report import begin, publish
from edge_runtime.bundles.store import Store
from edge_runtime.tasks.encoder import Encoder

_PACKAGES = ("edge-runtime", "numpy", "onnxruntime", "tokenizers")
_TIMED_TEXT = "turn on the light in the kitchen and set it to fifty percent please"
_REPEATS = 200
_FEW_SHOT = ("CLINC150", "HWU64: intents")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    document = begin("assistant", _PACKAGES)
    bundle = Store(None).open(options.bundle)
    sets = Sets(Encoder(bundle), options.data, options.split)
    found = sets.all()
    base = None
    if options.base is not None:
        base = Sets(Encoder(Store(None).open(options.base)), options.data, options.split)
    figures = [each for data in found for each in _figures(sets, base, data)]
    figures += home_figures(sets)
    figures += _calibration(sets, found)
    commands = [data for data in found if data.head in {"intent", "command"}]
    figures += noise_figures(sets, commands, options.noisy)
    figures += _cost(sets)
    if options.out is not None:
        draw_reliability(found, bundle.manifest, options.out / "reliability.png")
        draw_noise(figures, options.out / "noise.png")
    document |= {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": platform.machine(),
        "bundle": bundle.model_name,
        "split": options.split,
        "skipped": sets.skipped,
        "figures": [{**msgspec.to_builtins(each), "is_met": each.is_met} for each in figures],
    }
    skipped = "\n".join(f"- skipped: {line}" for line in sets.skipped)
    publish(f"{table(figures)}\n{skipped}".rstrip(), document, options.out)
    return 1 if any(each.is_met is False for each in figures) else 0


def _figures(sets: Sets, base: Sets | None, data: DataSet) -> Iterator[Figure]:
    """Yield what is measured of one data set."""
    manifest = sets.encoder.bundle.manifest
    head = manifest.heads[data.head]
    if data.head == "difficulty":
        yield from outcome_figures(data, manifest)
    if head.type == "classification":
        yield from labelled_figures(data, manifest)
    elif data.head == "pii":
        yield from personal_figures(data, manifest)
    else:
        yield from tagged_figures(data, manifest)
    if data.name in _FEW_SHOT and "embedding" in manifest.heads:
        yield from embedding_figures(sets, base, data)


def _calibration(sets: Sets, found: Sequence[DataSet]) -> Iterator[Figure]:
    for head in sets.encoder.bundle.manifest.heads:
        own = [data for data in found if data.head == head]
        measured = calibration_figure(head, own, sets.encoder.bundle.manifest) if own else None
        if measured is not None:
            yield measured


def _cost(sets: Sets) -> Iterator[Figure]:
    """Yield the time of one short text with one thread, and the size of the bundle."""
    times = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        sets.encoder.encode([_TIMED_TEXT])
        times.append((time.perf_counter() - started) * 1e3)
    bundle = sets.encoder.bundle
    yield plain("all", "one short text", "ms, median", _REPEATS, float(np.median(times)))
    size = sum(file.stat().st_size for file in bundle.path.iterdir())
    yield plain("all", "the bundle", "MB", 1, size / 1e6)


def _parser() -> argparse.ArgumentParser:
    parser = data_parser(
        "assistant",
        "Measure every head of the assistant's bundle on public data sets.",
        bundle="of heads that it lacks, what they would be asked is skipped",
        writes="results.json, table.md and plots",
    )
    add_split(parser)
    parser.add_argument("--base", help="bundle of the base model, whose embedding to compare")
    parser.add_argument(
        "--noisy", type=int, default=300, help="texts of each data set that get noise"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
