from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from benchmarks.answer_cache.__main__ import main
from benchmarks.answer_cache.guards import GUARDS, SHIPPED
from benchmarks.answer_cache.pairs import NEAR, PARAPHRASES, SPELLINGS, SWAPPED, UNLIKE, read_pairs
from benchmarks.answer_cache.rates import THRESHOLDS
from edge_runtime.routing.keeping import SIMILARITY

pytestmark = pytest.mark.export


def _row(text: str, original: str, intent: str, value: str = "") -> str:
    start = text.find(value)
    slots = [{"start": start, "end": start + len(value), "slot": "thing", "value": value}]
    row = {"text": text, "original": original, "intent": intent, "slots": slots if value else []}
    return json.dumps(row)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        _row("define velocity", "Define velocity.", "qa_definition", "velocity"),
        _row("what is velocity", "What is velocity?", "qa_definition", "velocity"),
        _row("define blanket", "define blanket", "qa_definition", "blanket"),
        _row("tell me a joke", "Tell me a joke", "general_joke"),
    ]
    (tmp_path / "hwu64").mkdir()
    (tmp_path / "hwu64" / "dev.jsonl").write_text("\n".join(rows) + "\n")
    (tmp_path / "clinc150").mkdir()
    (tmp_path / "clinc150" / "dev.tsv").write_text(
        "intent\ttext\nalarm\twake me\noos\thow tall is K2\noos\twho painted it\n"
    )
    return tmp_path


def test_pairs_are_of_the_kind_that_they_are_counted_as(data: Path) -> None:
    pairs = read_pairs(data, "dev")
    assert {one.casefold().strip(".?") for one, _ in pairs[SPELLINGS]} == {
        "define velocity", "what is velocity", "tell me a joke"
    }  # fmt: skip
    assert pairs[PARAPHRASES] == [("Define velocity.", "What is velocity?")]
    assert ("define velocity", "define blanket") in pairs[SWAPPED]
    assert all("blanket" in one + other for one, other in [*pairs[NEAR], *pairs[SWAPPED]])
    assert pairs[UNLIKE] == [("how tall is K2", "who painted it")]


def test_hits_and_false_hits_are_counted_for_each_guard_and_threshold(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["--data", str(data), "--out", str(out)]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    rates = {(r["pairs"], r["guard"], r["threshold"]): r for r in document["rates"]}
    assert len(rates) == len(GUARDS) * len(THRESHOLDS) * len(document["pairs"])
    assert rates[SPELLINGS, "none", THRESHOLDS[0]]["hits"] == 3
    assert 0 < rates[SPELLINGS, SHIPPED, SIMILARITY]["hits"] <= 3
    assert rates[SWAPPED, SHIPPED, THRESHOLDS[0]]["hits"] == 0
    assert document["false_hits"] == []
    assert {path.name for path in out.iterdir()} == {"rates.png", "results.json", "table.md"}
