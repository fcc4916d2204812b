"""Means, differences with their intervals, and the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.harness.report import markdown
from benchmarks.summaries.contestants import CONTESTANTS, OURS
from benchmarks.summaries.rouge import METRICS, Score

_RESAMPLES = 4000


@dataclass(frozen=True)
class Mean:
    """A mean over documents, and how far ours is above it, with a 95 % interval of chance."""

    value: float
    ours_above: float
    low: float
    high: float


def means(scores: Sequence[Mapping[str, Score]], seed: int) -> dict[str, dict[str, Mean]]:
    """Return contestant to metric to mean; documents are resampled (Efron 1979), in pairs."""
    chosen = np.random.default_rng(seed).integers(0, len(scores), (_RESAMPLES, len(scores)))
    found: dict[str, dict[str, Mean]] = {}
    for name in CONTESTANTS:
        found[name] = {}
        for metric in METRICS:
            theirs = np.array([getattr(each[name], metric) for each in scores])
            ours = np.array([getattr(each[OURS], metric) for each in scores])
            above = ours - theirs
            low, high = np.percentile(above[chosen].mean(axis=1), [2.5, 97.5])
            values = (theirs.mean(), above.mean(), low, high)
            found[name][metric] = Mean(*(round(float(each), 4) for each in values))
    return found


def to_markdown(results: Mapping[str, Mapping[str, Mapping[str, Mean]]]) -> str:
    """Return one table for all data sets."""
    rows = [
        [
            data,
            name,
            *(f"{found[metric].value:.3f}" for metric in METRICS),
            _difference(name, found),
        ]
        for data, contestants in results.items()
        for name, found in contestants.items()
    ]
    header = ["Data", "Summary", "ROUGE-1", "ROUGE-2", "ROUGE-L", "Ours above it, ROUGE-1 (95 %)"]
    return markdown(header, rows, text_columns=2)


def to_json(results: Mapping[str, Mapping[str, Mapping[str, Mean]]]) -> dict[str, Any]:
    """Return the same as plain objects."""
    return {
        data: {
            name: {metric: asdict(mean) for metric, mean in found.items()}
            for name, found in contestants.items()
        }
        for data, contestants in results.items()
    }


def _difference(name: str, found: Mapping[str, Mean]) -> str:
    mean = found["rouge1"]
    if name == OURS:
        return ""
    return f"{mean.ours_above:+.3f} ({mean.low:+.3f} to {mean.high:+.3f})"
