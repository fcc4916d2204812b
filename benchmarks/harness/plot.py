"""Bars of medians with their quartiles, and curves of cost, in panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

_OURS, _PEERS = "#1b7f5c", "#9aa5b1"
_PANEL_WIDTH, _BAR_HEIGHT, _MARGIN = 4.6, 0.28, 0.9  # inches


@dataclass(frozen=True)
class Bar:
    """A contestant's median and quartiles."""

    name: str
    median: float
    q1: float
    q3: float
    is_ours: bool


@dataclass(frozen=True)
class Line:
    """A curve in the panel of that title."""

    panel: str
    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """Bars that can be compared, and what their length means."""

    title: str
    unit: str
    bars: Sequence[Bar]


def draw(panels: Sequence[Panel], path: Path, *, columns: int = 2) -> None:
    """Write a PNG with the panels side by side; nothing where no panel has a bar."""
    panels = [panel for panel in panels if panel.bars]
    if not panels:
        return
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    longest = max(len(panel.bars) for panel in panels)
    size = (_PANEL_WIDTH * columns, (_MARGIN + _BAR_HEIGHT * longest) * rows)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, panel in zip(grid, panels, strict=False):
        bars = list(reversed(panel.bars))
        values = [bar.median for bar in bars]
        errors = [
            [bar.median - bar.q1 for bar in bars],
            [bar.q3 - bar.median for bar in bars],
        ]
        colours = [_OURS if bar.is_ours else _PEERS for bar in bars]
        axes.barh([bar.name for bar in bars], values, xerr=errors, color=colours, height=0.7)
        axes.set_title(panel.title, fontsize=9)
        axes.set_xlabel(panel.unit, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    _save(figure, path)


def draw_lines(lines: Sequence[Line], x_label: str, y_label: str, path: Path) -> None:
    """Write a PNG with the curves of each panel on logarithmic axes; nothing without curves."""
    if not lines:
        return
    titles = list(dict.fromkeys(line.panel for line in lines))
    figure = Figure(figsize=(_PANEL_WIDTH * len(titles), _PANEL_WIDTH), layout="constrained")
    for axes, title in zip(figure.subplots(1, len(titles), squeeze=False)[0], titles, strict=True):
        for line in lines:
            if line.panel == title:
                axes.loglog(line.x, line.y, marker="o", markersize=3, label=line.name)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel(x_label, fontsize=8)
        axes.set_ylabel(y_label, fontsize=8)
        axes.legend(fontsize=7)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
