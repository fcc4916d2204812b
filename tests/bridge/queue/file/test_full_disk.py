"""A disk that is really full: nobody is left without an answer, and room is made again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.broker import Broker
from edge_runtime.bridge.queue.file.reserve import RESERVE_BYTES, Reserve
from tests.bridge.harness import App, Scripted, running_node, running_worker, status_of, until

_TEXT = "why " + "x" * 60_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(directory)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount")
    if done.returncode:
        pytest.skip("no right to mount a file system")
    try:
        yield directory
    finally:
        subprocess.run(["umount", str(directory)], check=True)


def test_the_reserve_is_given_back_and_taken_again(small_disk: Path) -> None:
    now = 0.0
    reserve = Reserve(small_disk / "reserve", lambda: now)
    assert not reserve.is_gone
    with pytest.raises(OSError, match="No space"):
        (small_disk / "other").write_bytes(bytes(30_000_000))
    assert reserve.release()
    now += 10
    assert reserve.is_gone
    (small_disk / "other").unlink()
    assert reserve.is_gone  # it does not look all the time
    now += 10
    assert not reserve.is_gone
    assert (small_disk / "reserve").stat().st_blocks * 512 >= RESERVE_BYTES


def test_a_full_disk_refuses_lets_go_and_goes_on(
    mosquitto: Broker, name: str, small_disk: Path
) -> None:
    with running_node(mosquitto, name, small_disk) as node, App(mosquitto, name) as app:
        waiting = []
        for _ in range(300):
            correlation = app.send(_TEXT)
            (answer,) = app.answers(correlation)
            if answer.code == "503":
                break
            assert answer.status == "queued"
            waiting.append(correlation)
        assert answer.error is not None
        assert "disk is full" in answer.error.message
        assert answer.error.retry_after_s
        assert len(waiting) > 10
        until(lambda: node.escalations.depth().dropped == {"disk": 1})
        assert not (small_disk / "outbox.db.reserve").exists()
        # what needs no room on the disk works
        assert app.ask("local").status == "ok"
        assert node.queue.drop(None) == len(waiting)
        for correlation in waiting:
            assert app.answers(correlation, number=2)[1].code == "499"
        until(lambda: app.ask("why again?").status == "queued", "room on the disk")
        with running_worker(mosquitto, Scripted()):
            correlation = app.send("why then?")
            app.wait(lambda m: m.correlation == correlation and status_of(m) == "200")
