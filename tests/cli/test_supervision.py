"""What a service manager hears of a real node."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.broker import broker
from edge_devices.loop_watch import LoopWatch
from edge_runtime.cli.link_status import LinkStatus
from edge_runtime.cli.supervision import supervised

TIMEOUT_S = 30


class Manager:
    """Listens as systemd does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))

    def hear(self, timeout_s: float = TIMEOUT_S) -> str:
        self.socket.settimeout(timeout_s)
        return self.socket.recv(4096).decode()

    def wait(self, pattern: str) -> list[str]:
        """Everything that is heard until something matches."""
        heard: list[str] = []
        while not heard or not re.search(pattern, heard[-1]):
            heard.append(self.hear())
        return heard


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    listening = Manager(tmp_path / "notify")
    yield listening
    listening.socket.close()


@contextlib.contextmanager
def serving(manager: Manager, url: str, state: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_runtime.cli.entry", "serve", "--broker", url, "--node", "n"],
        env={
            **os.environ, "EDGE_STATE": str(state), "EDGE_CONFIG": os.devnull,
            "EDGE_SOCKET": "off", "NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "600000",
        },
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_node_is_ready_without_its_broker_and_alive_until_it_stops(
    manager: Manager, tmp_path: Path
) -> None:
    with serving(manager, "mqtt://127.0.0.1:1", tmp_path / "state") as node:
        assert "READY=1" in manager.wait("READY=1")[-1]
        for _ in range(3):
            manager.wait("WATCHDOG=1")
        node.send_signal(signal.SIGTERM)
        manager.wait("STOPPING=1")
        assert node.wait(TIMEOUT_S) == 0


def test_a_node_with_its_broker_is_ready_too(manager: Manager, tmp_path: Path) -> None:
    with broker() as running, serving(manager, running.url, tmp_path / "state"):
        manager.wait("READY=1")


def test_a_node_that_cannot_serve_is_never_ready(manager: Manager, tmp_path: Path) -> None:
    with serving(manager, "mqtt://a:b@localhost", tmp_path / "state") as node:
        assert node.wait(TIMEOUT_S) == 1
    with pytest.raises(TimeoutError):
        manager.hear(0.1)


def test_the_link_stands_in_the_status(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(manager.path))
    status = LinkStatus("broker:8883")
    status.connected()
    assert manager.hear() == "STATUS=answers on this device and at broker:8883"
    status.lost()
    assert "broker:8883 is away" in manager.hear()


def test_a_stuck_loop_gives_no_sign_of_life_but_says_why(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(manager.path))
    monkeypatch.setenv("WATCHDOG_USEC", "150000")
    watch = LoopWatch(silent_s=0.2)
    released = threading.Event()

    def hang() -> None:
        with watch:
            released.wait(TIMEOUT_S)

    thread = threading.Thread(target=hang, name="inference")
    with supervised(watch.why_stuck):
        manager.wait("WATCHDOG=1")
        thread.start()
        assert "inference hangs" in manager.wait("STATUS=a job")[-1]
        for _ in range(3):
            assert "WATCHDOG" not in manager.hear()
        released.set()
        thread.join()
        assert watch.why_stuck() == "the thread inference has ended"


def test_a_loop_that_computes_is_not_stuck() -> None:
    watch = LoopWatch(silent_s=0.5)
    ended = threading.Event()

    def compute() -> None:
        with watch:
            while not ended.is_set():
                sum(range(1000))

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        for _ in range(20):
            time.sleep(0.05)
            assert watch.why_stuck() is None
    finally:
        ended.set()
        thread.join()


def test_an_idle_loop_is_not_stuck_and_a_job_without_end_is() -> None:
    time_s = 0.0
    watch = LoopWatch(longest_s=100, now=lambda: time_s)
    with watch:
        pass
    time_s = 1000.0
    assert watch.why_stuck() is None
    with watch:
        time_s = 1101.0
        assert "takes 101 s" in str(watch.why_stuck())
