"""Plots: risk against coverage, out-of-scope scores, quality against calls of the large model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.decision.guarantee import risk_coverage
from benchmarks.decision.pools import Pool
from benchmarks.decision.router import Router
from benchmarks.decision.scope import ScopeScore
from edge_export.evaluation.metrics import Floats

_OURS, _PEERS = "#1b7f5c", "#9aa5b1"
_PANEL = 4.2  # inches
_DPI = 130


def draw_risk(pools: Sequence[tuple[Pool, Floats]], path: Path) -> None:
    """Write risk against coverage for each head, with hindsight and chance."""
    figure = Figure(figsize=(_PANEL * len(pools), _PANEL), layout="constrained")
    panels = figure.subplots(1, len(pools), squeeze=False)[0]
    for axes, (pool, confidence) in zip(panels, pools, strict=True):
        correct, sure = pool.correct[pool.given], confidence[pool.given]
        curves = {"confidence": sure, "hindsight": correct.astype(float)}
        for name, score in curves.items():
            coverage, risk = risk_coverage(score, correct)
            colour = _OURS if name == "confidence" else _PEERS
            axes.plot(coverage * pool.given.mean(), risk, label=name, color=colour)
        axes.axhline(float((~correct).mean()), label="chance", color=_PEERS, linestyle=":")
        axes.axhline(0.05, color="#c0392b", linewidth=0.7)
        axes.set_title(f"{pool.name}, n {len(pool)}", fontsize=9)
        axes.set_xlabel("share of the texts answered here", fontsize=8)
        axes.set_ylabel("share of these answers wrong", fontsize=8)
        axes.legend(fontsize=7)
    _save(figure, path)


def draw_scope(scores: Sequence[ScopeScore], path: Path) -> None:
    """Write the AUROC of each out-of-scope score with its interval."""
    figure = Figure(figsize=(_PANEL * 1.4, _PANEL * 0.8), layout="constrained")
    axes = figure.subplots()
    ordered = list(reversed(scores))
    values = np.array([each.auroc.value for each in ordered], dtype=float)
    ends = np.array([[each.auroc.low, each.auroc.high] for each in ordered], dtype=float)
    names = [each.name for each in ordered]
    reach = [values - ends[:, 0], ends[:, 1] - values]
    axes.barh(names, values, xerr=reach, color=_OURS, height=0.7)
    axes.set_xlim(max(0.0, float(ends.min()) - 0.02), 1.0)
    axes.set_xlabel("AUROC of in scope against out of scope, 95 % interval", fontsize=8)
    axes.tick_params(labelsize=8)
    _save(figure, path)


def draw_routers(routers: Sequence[Router], path: Path) -> None:
    """Write the accuracy against the share of questions that the large model gets."""
    figure = Figure(figsize=(_PANEL * 1.2, _PANEL), layout="constrained")
    axes = figure.subplots()
    for each in routers:
        style = ":" if each.auroc is None else "-"
        axes.plot(np.linspace(0, 1, len(each.curve)), each.curve, style, label=each.name)
    axes.set_xlabel("share of the questions that go to the large model", fontsize=8)
    axes.set_ylabel("accuracy", fontsize=8)
    axes.legend(fontsize=7)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)
