"""Rows that are made instead of read."""

from pathlib import Path

import pytest

from edge_export.train.made import made_rows
from edge_export.train.recipe import Made
from edge_runtime.errors import ConfigError

pytestmark = pytest.mark.export


def test_invented_pii_is_where_its_spans_say() -> None:
    pytest.importorskip("faker")
    rows = made_rows(Made(kind="pii", rows=400), ())
    labels = set()
    for row in rows:
        text = row.fields["text"]
        for span in row.fields["spans"]:
            assert text[span["start"] : span["end"]] == span["value"]
            labels.add(span["label"])
    assert {"PERSON", "STREET_ADDRESS", "IBAN_CODE", "US_SSN", "IP_ADDRESS", "PASSWORD"} <= labels
    assert any(not row.fields["spans"] for row in rows)


def test_the_same_seed_makes_the_same_rows() -> None:
    pytest.importorskip("faker")
    from edge_export.train.pii import sample_pii

    assert list(sample_pii(50, 3)) == list(sample_pii(50, 3))
    assert list(sample_pii(50, 3)) != list(sample_pii(50, 4))


def test_home_commands_are_made_from_one_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one directory"):
        made_rows(Made(kind="home", rows=10), (tmp_path / "nowhere",))
