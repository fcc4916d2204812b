"""The setting ``writer``: a bundle that writes an answer to easy free questions first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.export
pytest.importorskip("transformers", reason="needs the extra `export`")

from tests.http.tiny_writer import tiny_writer  # noqa: E402

EASY = "Which planet is known as the red planet?"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_writer(tmp_path_factory.getbasetemp())


def test_under_privacy_local_its_text_is_the_best_guess(edge_run: Any, tiny: Path) -> None:
    asked = ("ask", "--json", "--privacy", "local", EASY)
    [row] = edge_run(*asked, EDGE_WRITER=str(tiny)).rows
    assert row["result"]["text"]
    assert "text" not in edge_run(*asked).rows[0]["result"]


def test_without_a_calibration_it_answers_nothing_for_sure(edge_run: Any, tiny: Path) -> None:
    [row] = edge_run("ask", "--json", "--llm", "inspect", EASY, EDGE_WRITER=str(tiny)).rows
    assert row["source"] == "cloud"
    explained = edge_run("policy", "explain", EASY, EDGE_WRITER=str(tiny)).out
    assert "would write an answer first" in explained


def test_one_that_writes_nothing_is_an_error_that_says_so(edge_run: Any) -> None:
    found = edge_run("ask", EASY, EDGE_WRITER="assistant")
    assert found.code == 1
    assert "writes no answers" in found.err
