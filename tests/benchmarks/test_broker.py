from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from benchmarks import broker as module
from benchmarks.broker import Broker, Kind, broker
from benchmarks.mosquitto import Mosquitto
from tests.bridge.harness import App


@pytest.mark.parametrize("kind", [None, "amqtt"])
def test_a_broker_accepts_comes_back_on_its_port_and_ends(kind: Kind | None) -> None:
    with broker(kind) as running:
        port = running.port
        assert running.url == f"mqtt://127.0.0.1:{port}"
        for kill in (False, True):
            running.restart(kill=kill)
            assert running.port == port
            with App(running, "n") as app:
                assert app.connection.is_ready
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


def test_the_embedded_broker_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> Mosquitto:
        raise FileNotFoundError("no apt-get")

    monkeypatch.setattr(module, "find_mosquitto", lambda: None)
    monkeypatch.setattr(module, "unpack_mosquitto", nothing)
    with broker() as running:
        assert (running.kind, running.protocol) == ("amqtt", "3.1.1")


def test_without_any_broker_each_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> Mosquitto:
        raise FileNotFoundError("no apt-get")

    monkeypatch.setattr(module, "find_mosquitto", lambda: None)
    monkeypatch.setattr(module, "unpack_mosquitto", nothing)
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(OSError, match=r"mosquitto: not installed.*no apt-get.*amqtt") as caught:
        broker().__enter__()
    assert "nonexistent" in str(caught.value)


def test_mosquitto_that_cannot_start_says_why(mosquitto: Broker) -> None:
    with (
        pytest.raises(OSError, match="nonsense"),
        broker(mosquitto.kind, config_extra="nonsense true"),
    ):
        pass


def test_a_stopped_broker_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", os.fspath(tmp_path))
    with broker(persistence=True):
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
