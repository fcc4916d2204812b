"""A small torture run: whatever fails around the bridge, its promises hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.torture.__main__ import main

pytest.importorskip("openai", reason="needs the extra `cloud`")

_ARGUMENTS = (
    "--requests=300 --node-kills=3 --broker-kills=3 --worker-kills=2 --cuts=3 --full-disks=1 "
    "--full-s=2 --repeats=30 --window=10 --workers=2 --patience-s=60"
)


def test_nothing_is_lost_doubled_or_unbounded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main([*_ARGUMENTS.split(), f"--logs={tmp_path / 'logs'}", f"--out={tmp_path}"])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["first_violations"] == []
    assert status == 0
    assert found["final"] == found["requests"] == 300
    assert found["faults"] == {"node": 3, "broker": 3, "worker": 2, "cut": 3, "disk": 1}
    assert found["codes"]["200"] > 280
    assert found["llm_paid"] >= 60
    assert found["asked_again"] == 30
    assert found["repeats"] >= 30
    assert 0 < found["max_disk_mb"] < 48
    assert 0 < found["max_rss_mb"] < 160
    written = json.loads((tmp_path / "results.json").read_text())
    assert written == found
    assert written["command"].startswith("python -m benchmarks.torture --requests 300")
