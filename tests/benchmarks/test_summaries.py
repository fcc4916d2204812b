from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("rouge_score", reason="needs the extra `export`")

from benchmarks.summaries.__main__ import main
from benchmarks.summaries.contestants import CONTESTANTS, OURS
from benchmarks.summaries.results import means
from benchmarks.summaries.rouge import Rouge, Score

PUMP = (
    "Good morning. The pump in the cellar failed because its filter was full of sand. "
    "Is it late? The filter of the pump was cleaned, and the pump runs again."
)


def test_the_best_reference_counts_for_each_metric() -> None:
    score = Rouge().best("a b c", ["x y", "a b c"])
    assert (score.rouge1, score.rouge2, score.rougeL) == (1.0, 1.0, 1.0)


def test_a_difference_is_of_the_same_documents() -> None:
    lower, higher = Score(0.2, 0.1, 0.2), Score(0.3, 0.2, 0.3)
    scores = [{name: higher if name == OURS else lower for name in CONTESTANTS}] * 5
    found = means(scores, seed=1)
    assert found["lead"]["rouge1"].ours_above == pytest.approx(0.1)
    assert found["lead"]["rouge1"].low == pytest.approx(found["lead"]["rouge1"].high)
    assert found[OURS]["rouge1"].ours_above == 0


def test_contestants_are_scored_on_texts_that_leave_a_choice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "scitldr"
    folder.mkdir()
    rows = [
        {"document": PUMP, "summaries": ["The pump failed as the filter was full of sand."]},
        {"document": "One sentence.", "summaries": ["One."]},
    ]
    (folder / "dev.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path / "out"
    assert main(["--data", str(tmp_path), "--sets", "scitldr", "--out", str(out)]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    ((title, found),) = document["results"].items()
    assert title == "scitldr, 1 sentence, n=1"
    assert set(found) == set(CONTESTANTS)
    values = {name: each["rouge1"]["value"] for name, each in found.items()}
    assert values["best sentence"] >= values["ours"] > values["lead"]
    assert json.loads((out / "results.json").read_text())["results"] == document["results"]
    assert "best sentence" in (out / "table.md").read_text()
