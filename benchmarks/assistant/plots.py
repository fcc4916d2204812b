"""How often a head is right where it is so and so sure, and what noise changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Drawing

from benchmarks.assistant.figures import Figure
from benchmarks.assistant.labelled import confidence_of
from benchmarks.assistant.sets import DataSet
from edge_runtime.bundles.manifest import Manifest

_BINS = 15
_PANEL = 3.2  # inches
_BAR = 0.4
_FLIPS = {"routing flips": "#1b7f5c", "intent flips": "#9aa5b1"}


def draw_reliability(sets: Sequence[DataSet], manifest: Manifest, path: Path) -> None:
    """Write a PNG with a panel for each calibrated head; nothing where no head is."""
    heads = [name for name in manifest.heads if name in manifest.calibration]
    shown = [(head, [data for data in sets if data.head == head]) for head in heads]
    shown = [(head, own) for head, own in shown if own]
    if not shown:
        return
    figure = Drawing(figsize=(_PANEL * len(shown), _PANEL), layout="constrained")
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, (head, own) in zip(panels, shown, strict=True):
        confidences, correct = confidence_of(head, own, manifest)
        bins = np.array_split(np.argsort(confidences, kind="stable"), _BINS)
        axes.plot([0, 1], [0, 1], color="#9aa5b1", linewidth=1)
        axes.plot(
            [float(confidences[each].mean()) for each in bins],
            [float(correct[each].mean()) for each in bins],
            marker="o", markersize=3, color="#1b7f5c",
        )  # fmt: skip
        axes.set_title(f"{head}, n {len(correct)}", fontsize=9)
        axes.set_xlabel("confidence", fontsize=8)
        axes.set_ylabel("share right", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def draw_noise(figures: Sequence[Figure], path: Path) -> None:
    """Write a PNG of the shares that each kind of noise flips, with their intervals."""
    shown = {name: [each for each in figures if each.metric == name] for name in _FLIPS}
    figure = Drawing(figsize=(2 * _PANEL, _PANEL), layout="constrained")
    axes = figure.subplots()
    for shift, (metric, color) in enumerate(_FLIPS.items()):
        found = [each for each in shown[metric] if each.score.value is not None]
        values = np.array([each.score.value for each in found])
        ends = np.array([[each.score.low, each.score.high] for each in found]).reshape(-1, 2)
        axes.barh(
            np.arange(len(found)) + shift * _BAR, values, _BAR, label=metric, color=color,
            xerr=np.abs(ends.T - values),
        )  # fmt: skip
        axes.set_yticks(
            np.arange(len(found)) + _BAR / 2, [each.data.removeprefix("noise: ") for each in found]
        )
    axes.invert_yaxis()
    axes.set_xlabel("share of the texts")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
