from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from benchmarks.harness.rates import Rate
from benchmarks.redaction.__main__ import main

pytestmark = pytest.mark.export

PERSONAL = "mail ada@example.org or ask Angela Merkel in Berlin"


def _write(path: Path, *rows: dict[str, object]) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    spans = [
        {"start": PERSONAL.index(value), "end": PERSONAL.index(value) + len(value), "label": label}
        for value, label in (("ada@example.org", "EMAIL_ADDRESS"), ("Angela Merkel", "PERSON"))
    ]
    _write(tmp_path / "presidio_pii_synth" / "dev.jsonl", {"text": PERSONAL, "spans": spans})
    _write(
        tmp_path / "hwu64" / "dev.jsonl",
        {"original": "Ring 030 901820-15 now", "slots": []},
        {"original": "Ring Ada at ada@x.io", "slots": [{"slot": "person"}]},
    )
    _write(tmp_path / "home_assistant_intents" / "dev.jsonl", {"text": "turn on the light"})
    path = tmp_path / "clinc150" / "dev.tsv"
    path.parent.mkdir()
    path.write_text("intent\ttext\nalarm\twake me at 7\nchange_user_name\tcall me Ada\n")
    return tmp_path


def test_leaks_and_needless_redactions_are_counted_for_each_way(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["--data", str(data), "--out", str(out)]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    leaking = {(each["way"], each["label"]): each["spans"]["hits"] for each in document["leaks"]}
    assert leaking["patterns only", "EMAIL_ADDRESS"] == 0
    assert leaking["patterns only", "PERSON"] == 1
    assert leaking["model only", "PERSON"] == 0
    assert leaking["both", "EMAIL_ADDRESS"] == leaking["both", "PERSON"] == 0
    lost = {(each["way"], each["data"]): each["texts"] for each in document["needless"]}
    assert (lost["patterns only", "HWU64"]["hits"], lost["patterns only", "HWU64"]["n"]) == (1, 1)
    assert lost["patterns only", "CLINC150"]["n"] == 1
    assert lost["patterns only", "CLINC150"]["hits"] == 0
    assert {path.name for path in out.iterdir()} == {
        "leaks.png", "needless.png", "results.json", "table.md"
    }  # fmt: skip


def test_a_rate_of_nothing_says_nothing() -> None:
    assert (Rate(0, 0).share, Rate(0, 0).interval) == (0.0, (0.0, 1.0))
    low, high = Rate(1, 10).interval
    assert 0 < low < 0.1 < high < 0.5
