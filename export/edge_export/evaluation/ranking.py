"""How well scores rank, and how true probabilities are."""

from __future__ import annotations

import numpy as np

from edge_export.evaluation.metrics import Booleans, Floats, Metric

_BINS = 15


def ranking(score: Floats, positive: Booleans) -> Metric:
    """Return the AUROC as a metric over texts."""
    order = np.argsort(score, kind="stable")
    ordered, hits = score[order], positive[order]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(ordered) > 0]))

    def of(weights: Floats) -> float:
        own = weights[order]
        above = np.add.reduceat(own * hits, starts)
        below = np.add.reduceat(own * ~hits, starts)
        beaten = np.concatenate([[0.0], np.cumsum(below)[:-1]]) + 0.5 * below
        whole = above.sum() * below.sum()
        return float(above @ beaten / whole) if whole else float("nan")

    return Metric(of)


def expected_calibration_error(
    confidences: Floats, correct: Booleans, *, bins: int = _BINS
) -> float:
    """Return the mean gap between confidence and accuracy, over bins with equally many texts.

    Where few texts are in a bin chance alone makes a gap.
    """
    order = np.argsort(confidences, kind="stable")
    gaps = [
        abs(float(confidences[each].mean() - correct[each].mean())) * len(each)
        for each in np.array_split(order, bins)
        if len(each)
    ]
    return sum(gaps) / len(confidences)
