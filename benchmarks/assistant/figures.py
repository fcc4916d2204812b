"""A measured figure with its interval and goal, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from benchmarks.harness.report import markdown
from edge_export.evaluation.metrics import Metric, Score, score

_SEED = 13


class Figure(msgspec.Struct, frozen=True):
    """``score`` of ``n`` texts of a data set; ``goal`` is what it should reach, or not pass."""

    head: str
    data: str
    metric: str
    n: int
    score: Score
    goal: float | None = None
    at_most: bool = False

    @property
    def is_met(self) -> bool | None:
        """Whether the value reaches the goal; None without one."""
        if self.goal is None or self.score.value is None:
            return None
        return self.score.value <= self.goal if self.at_most else self.score.value >= self.goal


def figure(head: str, data: str, metric: str, n: int, measured: Metric) -> Figure:
    """Return the figure of a metric over ``n`` texts, with the goal it has in ``GOALS``."""
    goal, at_most = GOALS.get((data, metric), (None, False))
    return Figure(head, data, metric, n, score(measured, n, _SEED), goal, at_most)


def plain(head: str, data: str, metric: str, n: int, value: float) -> Figure:
    """Return a figure without an interval."""
    goal, at_most = GOALS.get((data, metric), GOALS.get(("", metric), (None, False)))
    return Figure(head, data, metric, n, Score(round(value, 4), None, None), goal, at_most)


GOALS: dict[tuple[str, str], tuple[float, bool]] = {
    ("CLINC150", "accuracy in scope"): (0.965, False),
    ("CLINC150", "out of scope: AUROC"): (0.985, False),
    ("HWU64: intents", "accuracy"): (0.92, False),
    ("HWU64: slots", "F1"): (0.85, False),
    ("Home Assistant intents", "intent and slots right"): (0.93, False),
    ("Sentence polarity (MR)", "accuracy"): (0.86, False),
    ("GoEmotions", "accuracy"): (0.74, False),
    ("WikiGold", "F1"): (0.80, False),
    ("Broad Twitter Corpus", "F1"): (0.75, False),
    ("WNUT-17", "F1"): (0.45, False),
    ("Presidio-research synthetic sentences: PII", "F2 of spans"): (0.95, False),
    ("Presidio-research synthetic sentences: PII", "lowest recall of a type"): (0.97, False),
    ("RouteLLM MMLU questions: outcomes", "AUROC"): (0.685, False),
    ("", "calibration error"): (0.03, True),
    ("all kinds of noise", "routing flips"): (0.08, True),
}


def table(figures: Iterable[Figure]) -> str:
    """Return the figures for people, in the order given."""
    rows = []
    for each in figures:
        value = each.score
        interval = "" if value.low is None else f"{value.low:.3f} to {value.high:.3f}"
        goal = "" if each.goal is None else f"{'<= ' if each.at_most else ''}{each.goal:g}"
        met = {None: "", True: "met", False: "MISSED"}[each.is_met]
        shown = "" if value.value is None else f"{value.value:.4f}"
        rows.append([each.head, each.data, each.metric, f"{each.n}", shown, interval, goal, met])
    header = ["head", "data", "metric", "n", "int8", "95 % interval", "goal", ""]
    return markdown(header, rows, text_columns=3)
