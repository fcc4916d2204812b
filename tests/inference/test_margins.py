from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.inference.margins import Margins


def test_a_margin_is_the_distance_to_the_best_other_token() -> None:
    margins = Margins()
    margins.add(np.array([1.0, 4.0, 2.5], dtype=np.float32), 1)
    margins.add(np.array([1.0, 4.0, 2.5], dtype=np.float32), 2)

    assert margins.mean == pytest.approx((1.5 - 1.5) / 2)
    assert margins.least == pytest.approx(-1.5)


def test_logits_stay_as_they_are() -> None:
    logits = np.array([1.0, 4.0, 2.5], dtype=np.float32)
    before = logits.copy()

    Margins().add(logits, 1)

    np.testing.assert_array_equal(logits, before)


def test_a_token_without_an_alternative_does_not_count() -> None:
    margins = Margins()
    margins.add(np.array([-np.inf, 4.0, -np.inf], dtype=np.float32), 1)

    assert margins.mean is None
    assert margins.least is None
