"""Invented personal data: spans that fit, all labels, look-alikes, the same rows anywhere."""

import hashlib
import os
import subprocess
import sys

import pytest

pytest.importorskip("faker")

from edge_export.train.pii import LABELS, Row, sample_pii

pytestmark = pytest.mark.export

_ROWS = 3000
_DIGEST = """
import hashlib
from edge_export.train.pii import sample_pii
print(hashlib.sha256(repr(list(sample_pii(600, 5))).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(sample_pii(_ROWS, seed=1))


def test_spans_are_in_order_and_hold_their_values(rows: list[Row]) -> None:
    assert len(rows) == _ROWS
    for row in rows:
        end = 0
        for span in row["spans"]:
            assert span["start"] >= end
            end = span["end"]
            assert row["text"][span["start"] : end] == span["value"] != ""


def test_every_label_occurs_and_no_other(rows: list[Row]) -> None:
    assert {span["label"] for row in rows for span in row["spans"]} == set(LABELS)


def test_no_field_of_a_template_is_left(rows: list[Row]) -> None:
    fields = {*LABELS, "first name", "whole address", "pieces address", "street", "year"}
    left = [row["text"] for row in rows if any(f"{{{name}}}" in row["text"] for name in fields)]
    assert left == []


def test_some_rows_have_no_personal_data(rows: list[Row]) -> None:
    plain = [row for row in rows if not row["spans"]]
    assert 0.05 < len(plain) / _ROWS < 0.25
    assert any(char.isdigit() for row in plain for char in row["text"])


def test_addresses_come_whole_and_in_pieces(rows: list[Row]) -> None:
    addresses = [
        [span["value"] for span in row["spans"] if span["label"] == "STREET_ADDRESS"]
        for row in rows
    ]
    assert any(len(values) == 1 and "\n" in values[0] for values in addresses)
    assert any(len(values) > 2 and not any("\n" in x for x in values) for values in addresses)


def test_names_are_of_several_scripts(rows: list[Row]) -> None:
    names = "".join(
        span["value"] for row in rows for span in row["spans"] if span["label"] == "PERSON"
    )
    assert any("а" <= char <= "я" for char in names)  # noqa: RUF001 - Cyrillic
    assert any("α" <= char <= "ω" for char in names)  # noqa: RUF001 - Greek


@pytest.mark.parametrize(("hash_seed", "zone"), [("1", "UTC"), ("2", "Asia/Tokyo")])
def test_another_process_makes_the_same_rows(hash_seed: str, zone: str) -> None:
    here = hashlib.sha256(repr(list(sample_pii(600, 5))).encode()).hexdigest()
    env = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone}
    there = subprocess.run(
        [sys.executable, "-c", _DIGEST], env=env, capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == here
