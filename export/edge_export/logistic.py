"""A logistic confidence from named features, as a manifest holds it; pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edge_runtime.routing.calibration import Booleans, Floats, fit_logistic

_DIGITS = 6  # as it is written: a threshold belongs to the confidence that a device computes


def fit_confidence(
    found: Mapping[str, Floats], right: Booleans
) -> tuple[list[str], list[float], float]:
    """Return the features ``[samples]`` that carry something, their weights and the bias.

    Where nothing tells right from wrong it is the rule of succession: the last feature, of weight
    0, and the log-odds of one more right and one more wrong sample than there are.
    """
    names = [name for name, values in found.items() if len(values) and float(np.ptp(values)) > 0]
    if names and right.any() and not right.all():
        weights, bias = fit_logistic(np.column_stack([found[name] for name in names]), right)
        return names, [round(float(each), _DIGITS) for each in weights], round(bias, _DIGITS)
    bias = float(np.log((right.sum() + 1) / ((~right).sum() + 1)))
    return list(found)[-1:], [0.0], round(bias, _DIGITS)
