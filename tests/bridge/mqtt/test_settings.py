from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bridge.mqtt.broker import BrokerSettings, is_loopback
from edge_runtime.bridge.mqtt.credentials import read_secret
from edge_runtime.errors import ConfigError


def test_a_url_is_read() -> None:
    got = BrokerSettings.parse("mqtts://kit%20chen@hub.example:8884", environ={})
    assert (got.host, got.port, got.tls) == ("hub.example", 8884, True)
    assert got.username == "kit chen"
    assert BrokerSettings.parse("mqtt://localhost", environ={}).port == 1883
    assert BrokerSettings.parse("mqtts://[::1]", environ={}).address == "::1:8883"


@pytest.mark.parametrize(
    "url",
    ["", "localhost", "http://localhost", "mqtt://", "mqtt://localhost:x", "mqtt://localhost:99999",
     "mqtt://localhost/path", "mqtt://localhost?x=1", "mqtt://[::1", "mqtt://:1883"],
)  # fmt: skip
def test_what_is_no_broker_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        BrokerSettings.parse(url, environ={})


@given(st.text())
def test_any_text_is_a_broker_or_a_clear_error(url: str) -> None:
    with contextlib.suppress(ConfigError):
        assert BrokerSettings.parse(url, environ={}).host


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="EDGE_MQTT_PASSWORD") as caught:
        BrokerSettings.parse("mqtt://me:hunter2@localhost", environ={})
    assert "hunter2" not in str(caught.value)


def test_plain_mqtt_leaves_this_machine_only_when_allowed() -> None:
    for host in ("localhost", "127.0.0.1", "127.9.9.9", "[::1]"):
        BrokerSettings.parse(f"mqtt://{host}", environ={})
    for host in ("192.168.1.2", "hub.local", "localhost.example"):
        with pytest.raises(ConfigError, match="unencrypted"):
            BrokerSettings.parse(f"mqtt://{host}", environ={})
        BrokerSettings.parse(f"mqtt://{host}", environ={}, allow_plain=True)
    assert not is_loopback("")


def test_the_password_comes_from_the_environment_and_is_not_shown() -> None:
    got = BrokerSettings.parse("mqtt://localhost", environ={"EDGE_MQTT_PASSWORD": "hunter2"})
    assert got.password == "hunter2"
    assert "hunter2" not in repr(got)


def test_a_password_file_must_be_private(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("hunter2\nnot this\n")
    environ = {"EDGE_MQTT_PASSWORD_FILE": str(path)}
    path.chmod(0o600)
    assert BrokerSettings.parse("mqtt://localhost", environ=environ).password == "hunter2"
    for mode in (0o640, 0o604):
        path.chmod(mode)
        with pytest.raises(ConfigError, match="chmod 600"):
            read_secret(environ, "EDGE_MQTT_PASSWORD")


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_password_file_without_a_password_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError):
        read_secret({"X_FILE": str(path)}, "X")


def test_a_missing_password_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret({"X_FILE": str(tmp_path / "none")}, "X")


def test_certificates_without_tls_are_refused() -> None:
    with pytest.raises(ConfigError, match="mqtts"):
        BrokerSettings.parse("mqtt://localhost", environ={}, ca_file=Path("ca.pem"))


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"3\.1\.1"):
        BrokerSettings.parse("mqtt://localhost", environ={}, protocol="4")  # type: ignore[arg-type]
