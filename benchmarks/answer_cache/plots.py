"""Hits and false hits by threshold, a panel for each guard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.answer_cache.pairs import SAME
from benchmarks.answer_cache.rates import PairRate
from edge_runtime.routing.keeping import SIMILARITY

_PANEL = 3.6  # inches
_DPI = 130
_HITS, _FALSE = ("#1b7f5c", "#6fc3a5"), ("#c0392b", "#e67e22", "#9aa5b1")
_LEAST = 1e-4  # where the logarithmic axis ends; 0 is drawn there


def draw_rates(found: Sequence[PairRate], path: Path) -> None:
    """Write the shares with their intervals; green lines should be high, the others low."""
    guards = list(dict.fromkeys(each.guard for each in found))
    kinds = list(dict.fromkeys(each.kind for each in found))
    colours = dict(zip(SAME, _HITS, strict=True))
    colours |= dict(zip([kind for kind in kinds if kind not in SAME], _FALSE, strict=True))
    figure = Figure(figsize=(_PANEL * len(guards), _PANEL * 1.25), layout="constrained")
    panels = figure.subplots(1, len(guards), squeeze=False, sharey=True)[0]
    for axes, guard in zip(panels, guards, strict=True):
        for kind in kinds:
            rows = [each for each in found if (each.guard, each.kind) == (guard, kind)]
            thresholds = [each.threshold for each in rows]
            ends = np.maximum([each.interval for each in rows], _LEAST)
            shares = np.maximum([each.share for each in rows], _LEAST)
            axes.plot(thresholds, shares, color=colours[kind], label=kind)
            axes.fill_between(thresholds, ends[:, 0], ends[:, 1], color=colours[kind], alpha=0.15)
        axes.axvline(SIMILARITY, color="#555555", linewidth=0.7, linestyle=":")
        axes.set_yscale("log")
        axes.set_ylim(_LEAST, 1.0)
        axes.set_title(f"guard: {guard}", fontsize=8)
        axes.set_xlabel("least cosine", fontsize=8)
        axes.tick_params(labelsize=7)
    panels[0].set_ylabel("share of pairs that count as one question", fontsize=8)
    figure.legend(
        *panels[0].get_legend_handles_labels(), fontsize=7, ncols=3, loc="outside lower center"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)
