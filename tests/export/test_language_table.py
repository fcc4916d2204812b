"""The shipped table of n-grams is the one that its builder makes."""

from pathlib import Path

import numpy as np
import pytest

import edge_runtime

pytestmark = pytest.mark.export


def test_the_builder_makes_the_shipped_table(tmp_path: Path) -> None:
    pytest.importorskip("py3langid")
    from edge_export.language_table import write_table

    write_table(tmp_path / "ngrams.npz")
    shipped = Path(edge_runtime.__file__).parent / "data" / "language" / "ngrams.npz"
    with np.load(tmp_path / "ngrams.npz") as made, np.load(shipped) as there:
        assert sorted(made) == sorted(there)
        for name in made:
            np.testing.assert_array_equal(made[name], there[name])
        assert (np.diff(made["known"].astype(np.int64)) > 0).all()
