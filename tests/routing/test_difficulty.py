"""How easy a question is for a small model."""

import numpy as np
import pytest

from edge_runtime.bundles.manifest import Calibration, Head
from edge_runtime.routing.difficulty import ease

CALIBRATION = Calibration(["log_odds"], [0.5], 0.0, 0.2, 0.05, 500, 0.9, 0.3, 0.7, "made")


@pytest.mark.parametrize("labels", [["easy", "hard"], ["hard", "easy"]])
@pytest.mark.parametrize(("calibration", "slope"), [(None, 1.0), (CALIBRATION, 0.5)])
def test_ease_is_the_probability_of_easy_whichever_label_is_best(
    labels: list[str], calibration: Calibration | None, slope: float
) -> None:
    head = Head(type="classification", output="difficulty", labels=labels)
    for lead in (-3.0, -0.5, 0.5, 3.0):
        logits = np.zeros(2)
        logits[labels.index("easy")] = lead
        assert ease(logits, head, calibration) == pytest.approx(1 / (1 + np.exp(-slope * lead)))
