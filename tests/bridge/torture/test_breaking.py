"""What a torture run breaks with: the proxy, the disk, the endpoint, the processes."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.torture.disk import LimitedProcess, SmallDisk, small_disk, used_bytes
from benchmarks.torture.endpoint_process import calls, running_endpoint
from benchmarks.torture.processes import Process
from benchmarks.torture.proxy import proxies
from tests.bridge.harness import until

_TIMEOUT_S = 10.0


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    there, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=echo, args=(there,), daemon=True).start()

        def echo(there: socket.socket) -> None:
            with there:
                while chunk := _received(there):
                    there.sendall(chunk)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _received(there: socket.socket) -> bytes:
    try:
        return there.recv(100)
    except OSError:
        return b""


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)


def test_a_proxy_forwards_until_it_is_cut(echo_port: int) -> None:
    with proxies(echo_port, 2) as (one, other):
        with connect(one.port) as ours, connect(other.port) as theirs:
            ours.sendall(b"hi")
            assert ours.recv(10) == b"hi"
            theirs.sendall(b"ho")
            assert theirs.recv(10) == b"ho"
            one.cut()
            assert _received(ours) == b""
            theirs.sendall(b"still there")
            assert theirs.recv(20) == b"still there"
        with connect(one.port) as again:
            again.sendall(b"hi")
            assert again.recv(10) == b"hi"


def test_a_silent_proxy_lets_nothing_through_and_cuts_then(echo_port: int) -> None:
    with proxies(echo_port, 1) as (proxy,), connect(proxy.port) as ours:
        ours.sendall(b"hi")
        assert ours.recv(10) == b"hi"
        proxy.silence(0.3)
        time.sleep(0.05)
        ours.sendall(b"lost")
        assert _received(ours) == b""


def test_a_full_disk_takes_nothing_until_it_is_cleared() -> None:
    with small_disk(4) as disk:
        if not isinstance(disk, SmallDisk):
            pytest.skip("needs the right to mount")
        (disk.directory / "state").write_bytes(bytes(1000))
        disk.fill(None)
        with pytest.raises(OSError, match="No space left"):
            (disk.directory / "more").write_bytes(bytes(10_000))
        assert used_bytes(disk.directory) <= 1000, "without what fills it"
        disk.clear(None)
        (disk.directory / "more").write_bytes(bytes(10_000))
        assert used_bytes(disk.directory) == 11_000


def test_where_nothing_can_be_mounted_the_process_is_limited(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(bytes(1000))
    disk = LimitedProcess(tmp_path)
    child = os.fork()
    if child == 0:
        disk.fill(os.getpid())
        try:
            (tmp_path / "more").write_bytes(bytes(10_000))
        except OSError:
            os._exit(7)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7


def test_an_endpoint_tells_what_was_asked_of_it() -> None:
    with running_endpoint(1) as url:
        assert calls(url) == {"ends": {}, "paid": {}}


def test_a_process_that_ends_is_told_of_and_started_again(tmp_path: Path) -> None:
    ends: list[str] = []
    process = Process("one", ["http.server", "0", "--bind", "127.0.0.1"], tmp_path, ends.append)
    process.start()
    try:
        first = process.pid
        assert first is not None

        def is_measured() -> bool:
            process.look()
            return process.max_rss_bytes > 2**20

        until(is_measured)
        process.kill()
        second = process.pid
        assert second not in {None, first}
        assert ends == [], "that was us"
        assert second is not None
        os.kill(second, 9)

        def is_told() -> bool:
            process.look()
            return bool(ends)

        until(is_told)
        assert "ended by itself with status -9" in ends[0]
        assert process.pid not in {None, first, second}
    finally:
        process.stop()
