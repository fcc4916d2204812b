from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_runtime.places import client_sockets, node_socket, setting_sources


def test_a_named_socket_is_the_only_one() -> None:
    environment = {"EDGE_SOCKET": "/x/y.sock", "XDG_RUNTIME_DIR": "/run/user/1"}
    assert client_sockets(environment) == ["/x/y.sock"]
    assert node_socket(environment) == "/x/y.sock"


def test_off_means_nowhere() -> None:
    environment = {"EDGE_SOCKET": "off", "XDG_RUNTIME_DIR": "/run/user/1"}
    assert client_sockets(environment) == []
    assert node_socket(environment) is None


def test_the_users_runtime_directory_comes_first_and_the_state_last(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(tmp_path), "EDGE_STATE": "/my/state"}
    assert client_sockets(environment) == [
        f"{tmp_path}/edge-runtime/edge.sock",
        "/run/edge-runtime/edge.sock",
        "/my/state/edge.sock",
    ]
    assert node_socket(environment) == f"{tmp_path}/edge-runtime/edge.sock"


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is writable for root")
def test_a_node_without_a_runtime_directory_listens_in_its_state(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": "/nowhere", "EDGE_STATE": str(tmp_path)}
    assert node_socket(environment) == f"{tmp_path}/edge.sock"


def test_a_secret_is_compared_and_not_sent(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text("threads = 1\n")
    environment = {"EDGE_MQTT_PASSWORD": "hunter2", "EDGE_CONFIG": str(file), "EDGE_LOG": "debug"}
    sources = setting_sources(environment)
    assert not any("hunter2" in source for source in sources)
    assert any(source.startswith("EDGE_MQTT_PASSWORD ") for source in sources)
    assert any(source.startswith(f"{file} ") for source in sources)
    assert not any(source.startswith("EDGE_LOG") for source in sources)
    assert setting_sources(environment) == sources
    file.write_text("threads = 12\n")
    assert setting_sources(environment) != sources
