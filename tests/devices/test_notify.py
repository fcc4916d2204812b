from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_devices.notify import notify, watchdog_interval_s


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(5)
        yield listening


def test_states_arrive_in_one_datagram(manager: socket.socket, tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    manager.bind(path)
    assert notify("READY=1", "STATUS=two\nlines", environ={"NOTIFY_SOCKET": path})
    assert manager.recv(100) == b"READY=1\nSTATUS=two lines"


def test_a_socket_in_the_abstract_namespace_begins_with_a_zero_byte(manager: socket.socket) -> None:
    name = f"edge-test-{os.getpid()}"
    manager.bind(f"\0{name}")
    assert notify("WATCHDOG=1", environ={"NOTIFY_SOCKET": f"@{name}"})
    assert manager.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", ["", "relative", "/nobody/listens/here"])
def test_without_a_manager_nothing_happens(address: str) -> None:
    assert not notify("READY=1", environ={"NOTIFY_SOCKET": address})


def test_the_watchdog_is_fed_three_times_as_often_as_it_must_be() -> None:
    assert watchdog_interval_s({"WATCHDOG_USEC": "60000000"}) == 20.0
    mine = {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}
    assert watchdog_interval_s(mine) == 1.0


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": ""},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"},
    ],
)
def test_nobody_waits_for_this_process(environ: dict[str, str]) -> None:
    assert watchdog_interval_s(environ) is None
