"""The assistant's own scores raise the drift alarm."""

import json
import stat
from pathlib import Path

import msgspec
import pytest

from edge_runtime.assistant.drift_watch import FORMAT, DriftWatch
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.messages import Request


@pytest.fixture
def calibrated() -> Bundle:
    """The default bundle, calibrated on scores that no real query reaches."""
    bundle = Store(None).open()
    known = bundle.manifest.calibration["intent"]
    changed = msgspec.structs.replace(
        known, scope_score="energy", scope_quantiles=[100.0 + i for i in range(6)]
    )
    manifest = msgspec.structs.replace(
        bundle.manifest, calibration={**bundle.manifest.calibration, "intent": changed}
    )
    return Bundle(bundle.path, manifest, verified=bundle.verified)


def test_queries_unlike_the_calibration_are_told_once(calibrated: Bundle) -> None:
    assistant = Assistant(calibrated)
    told = []
    for i in range(40):
        assistant.begin(Request(text=f"turn on light {i}"))
        told += assistant.facts()
    [(kind, fact)] = told
    assert kind == "drift"
    assert fact.keys() == {"level", "queries", "since"}
    assert fact["queries"] == fact["since"] < 40


def test_a_node_that_restarts_often_still_tells(calibrated: Bundle, tmp_path: Path) -> None:
    told = []
    for start in range(8):  # five queries a run, which says nothing by itself
        assistant = Assistant(calibrated, drift_file=tmp_path / "state" / "drift.json")
        for i in range(5):
            assistant.begin(Request(text=f"turn on light {start} {i}"))
            told += assistant.facts()
    assert [kind for kind, _ in told] == ["drift"]


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 0.1
        return self.now_s


def watched(bundle: Bundle, path: Path) -> DriftWatch:
    return DriftWatch(bundle.manifest.calibration["intent"], path, now=Clock())


def test_what_is_kept_has_a_format_and_is_private_and_written_seldom(
    calibrated: Bundle, tmp_path: Path
) -> None:
    path = tmp_path / "drift.json"
    watch = watched(calibrated, path)
    written = set()
    for _ in range(200):
        watch.see(1000.0)
        written.add(path.stat().st_mtime_ns)
    assert 2 <= len(written) <= 200 // 50 + 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = json.loads(path.read_bytes())
    assert kept["format"] == FORMAT
    assert kept["edges"] == calibrated.manifest.calibration["intent"].scope_quantiles


@pytest.mark.parametrize("damage", ["", "{", '{"format":1}', "[]"])
def test_a_file_that_cannot_be_read_begins_anew_and_is_told(
    calibrated: Bundle, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "drift.json"
    path.write_text(damage)
    watch = watched(calibrated, path)
    assert "the drift alarm begins anew" in caplog.text
    watch.see(0.0)
    assert json.loads(path.read_bytes())["state"]["queries"] == 1


def test_the_state_of_another_calibration_or_format_is_not_taken(
    calibrated: Bundle, tmp_path: Path
) -> None:
    path = tmp_path / "drift.json"
    for change in ({"edges": [1.0]}, {"format": FORMAT + 1}):
        watched(calibrated, path).see(0.0)
        path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}))
        watched(calibrated, path).see(0.0)
        assert json.loads(path.read_bytes())["state"]["queries"] == 1
        path.unlink()


def test_a_directory_that_cannot_be_written_costs_no_answer(
    calibrated: Bundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    watch = watched(calibrated, blocked / "drift.json")
    for _ in range(100):
        watch.see(0.0)
    assert len(watch.told()) == 1
    assert caplog.text.count("cannot be kept") == 1
