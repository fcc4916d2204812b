"""The server of the local socket by itself, with commands that do odd things."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.cli.local_socket import frames
from edge_runtime.cli.local_socket.connection import Connection
from edge_runtime.cli.local_socket.server import Run, SocketServer
from edge_runtime.errors import ConfigError

DEADLINE_S = 20


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Any]:
    servers = []

    def serve(run: Run, **options: int) -> Path:
        server = SocketServer(tmp_path / "e.sock", run, **options)
        server.start()
        servers.append(server)
        return server.path

    yield serve
    for server in servers:
        server.stop()
    assert not (tmp_path / "e.sock").exists()


def connect(path: Path, command: bytes | None = b"go") -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(DEADLINE_S)
    client.connect(os.fspath(path))
    if command is not None:
        with contextlib.suppress(BrokenPipeError):  # declined already, which can still be read
            client.sendall(frames.frame(frames.COMMAND, command))
    return client


def receive(client: socket.socket) -> tuple[bytes, bytes]:
    head = exactly(client, frames.HEADER_BYTES)
    if not head:
        return b"", b""
    kind, length = frames.header(head)
    return kind, exactly(client, length)


def exactly(client: socket.socket, length: int) -> bytes:
    content = b""
    while len(content) < length and (piece := client.recv(length - len(content))):
        content += piece
    return content


def echo(connection: Connection, content: bytes) -> None:
    connection.send(frames.OUT, content)
    connection.end()


def test_a_command_is_answered_and_the_connection_closed(serve: Any) -> None:
    with connect(serve(echo), b"hello") as client:
        assert receive(client) == (frames.OUT, b"hello")
        assert receive(client) == (b"", b"")


def test_only_owner_and_group_can_open_it(serve: Any) -> None:
    assert stat.S_IMODE(serve(echo).stat().st_mode) == 0o660


def test_a_socket_that_a_killed_node_left_is_replaced(tmp_path: Path, serve: Any) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(os.fspath(tmp_path / "e.sock"))
    with connect(serve(echo)) as client:
        assert receive(client)[0] == frames.OUT


def test_two_nodes_do_not_share_a_socket(serve: Any) -> None:
    path = serve(echo)
    with pytest.raises(ConfigError, match="another node listens"):
        SocketServer(path, echo)
    with connect(path) as client:
        assert receive(client)[0] == frames.OUT


def test_a_path_that_is_too_long_for_a_socket_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be listened at"):
        SocketServer(tmp_path / ("x" * 120), echo)


def test_a_slow_reader_holds_up_neither_the_command_nor_others(serve: Any) -> None:
    wrote = threading.Event()

    def much(connection: Connection, content: bytes) -> None:
        if content == b"much":
            for _ in range(64):
                connection.send(frames.OUT, bytes(frames.PIECE_BYTES))
            wrote.set()
        connection.send(frames.STATUS, b"\0")
        connection.end()

    path = serve(much)
    with connect(path, b"much") as slow:
        assert wrote.wait(DEADLINE_S), "sending waits for the reader"
        with connect(path, b"little") as other:
            assert receive(other) == (frames.STATUS, b"\0")
        pieces = [receive(slow) for _ in range(64)]
        assert all(piece == (frames.OUT, bytes(frames.PIECE_BYTES)) for piece in pieces)
        assert receive(slow) == (frames.STATUS, b"\0")


def test_input_is_asked_for_only_when_the_output_was_read(serve: Any) -> None:
    asked = []

    def talk(connection: Connection, _content: bytes) -> None:
        for _ in range(3):
            connection.send(frames.OUT, bytes(3 << 20))
            asked.append(connection.next_input())
        connection.end()

    with connect(serve(talk)) as client:
        time.sleep(0.3)
        assert asked == []
        for number in range(3):
            assert receive(client)[0] == frames.OUT
            assert receive(client) == (frames.MORE, b"")
            client.sendall(frames.frame(frames.INPUT, b"%d" % number))
        assert receive(client) == (b"", b"")
    assert asked == [b"0", b"1", b"2"]


def test_a_client_that_goes_away_ends_its_command(serve: Any) -> None:
    ended: list[str] = []
    over = threading.Event()

    def wait(connection: Connection, _content: bytes) -> None:
        try:
            connection.next_input()
        except BrokenPipeError:
            ended.append("reading")
        try:
            connection.send(frames.OUT, b"x")
        except BrokenPipeError:
            ended.append("writing")
        assert connection.is_gone
        connection.end()
        over.set()

    path = serve(wait)
    with connect(path) as client:
        assert receive(client)[0] == frames.MORE
    assert over.wait(DEADLINE_S)
    assert ended == ["reading", "writing"]


def test_past_the_limit_clients_are_told_to_run_it_themselves(serve: Any) -> None:
    go = threading.Event()

    def wait(connection: Connection, _content: bytes) -> None:
        connection.send(frames.TAKEN)
        go.wait(DEADLINE_S)
        connection.end()

    path = serve(wait, most_clients=2)
    with connect(path) as one, connect(path) as two:
        assert receive(one)[0] == receive(two)[0] == frames.TAKEN
        with connect(path) as three:
            kind, why = receive(three)
            assert (kind, b"busy" in why) == (frames.DECLINED, True)
        go.set()
        assert receive(one) == receive(two) == (b"", b"")
    with connect(path) as four:
        assert receive(four)[0] == frames.TAKEN


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        frames.COMMAND + (frames.LARGEST_BYTES + 1).to_bytes(4, "big"),
        frames.frame(b"?", b"x") + frames.COMMAND + b"\xff\xff\xff\xff",
    ],
)
def test_nonsense_ends_the_connection_and_nothing_else(serve: Any, nonsense: bytes) -> None:
    path = serve(echo)
    with connect(path, None) as client:
        client.sendall(nonsense)
        assert receive(client) == (b"", b"")
    with connect(path) as client:
        assert receive(client)[0] == frames.OUT


def test_stopping_lets_go_of_everybody(tmp_path: Path) -> None:
    over = threading.Event()

    def wait(connection: Connection, _content: bytes) -> None:
        connection.send(frames.TAKEN)
        with pytest.raises(BrokenPipeError):
            connection.next_input()
        connection.end()
        over.set()

    server = SocketServer(tmp_path / "e.sock", wait)
    server.start()
    with connect(server.path) as client:
        assert receive(client)[0] == frames.TAKEN
        server.stop()
        assert over.wait(DEADLINE_S)
