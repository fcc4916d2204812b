from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.broker import Broker, broker
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.errors import ConfigError, TooLargeError, UnavailableError
from tests.bridge.harness import DEADLINE_S, App, running_node, settings, until


class Client(Connection):
    """A connection that keeps what it gets."""

    def __init__(self, at: BrokerSettings, topic: str, client_id: str = "c", **more: int) -> None:
        self.got: list[Message] = []
        self.ready = 0
        super().__init__(
            at,
            client_id=client_id,
            on_message=self.got.append,
            subscriptions={topic: 1},
            on_ready=self._count,
            **more,  # type: ignore[arg-type]
        )

    def _count(self) -> None:
        self.ready += 1


def test_all_that_mqtt_5_carries_arrives(mosquitto: Broker, name: str) -> None:
    client = Client(settings(mosquitto), f"t/{name}", name)
    client.start(DEADLINE_S)
    taken = threading.Event()
    sent = Message(
        topic=f"t/{name}",
        payload=b"\x00\xff",
        response_topic="answer/here",
        correlation=b"\x01\x00",
        expiry_s=50,
        content_type="text/plain",
        properties=(("a", "1"), ("a", "2")),
    )
    client.publish(sent, lambda _code: taken.set())
    assert taken.wait(DEADLINE_S)
    until(lambda: client.got)
    (got,) = client.got
    client.stop()
    assert got.ticket
    assert (got.payload, got.response_topic, got.correlation) == (
        b"\x00\xff", "answer/here", b"\x01\x00"
    )  # fmt: skip
    assert (got.content_type, got.properties) == ("text/plain", (("a", "1"), ("a", "2")))
    assert got.expiry_s is not None
    assert 0 < got.expiry_s <= 50


def test_what_is_not_acknowledged_comes_again(mosquitto: Broker, name: str) -> None:
    first = Client(settings(mosquitto), f"t/{name}", name, session_expiry_s=60)
    first.start(DEADLINE_S)
    for payload in (b"1", b"2"):
        first.publish(Message(topic=f"t/{name}", payload=payload))
    until(lambda: len(first.got) == 2)
    # only the second: it must wait for the first
    first.acknowledge(first.got[1])
    first.stop()
    again = Client(settings(mosquitto), f"t/{name}", name, session_expiry_s=60)
    again.start(DEADLINE_S)
    until(lambda: len(again.got) == 2)
    assert [message.dup for message in again.got] == [True, True]
    again.stop()


def test_it_comes_back_and_delivers_what_was_published_meanwhile() -> None:
    with broker() as own:
        client = Client(settings(own), "t")
        client.start(DEADLINE_S)
        own.kill()
        until(lambda: not client.is_ready)
        client.publish(Message(topic="t", payload=b"meanwhile"))
        own.start()
        until(lambda: [m.payload for m in client.got] == [b"meanwhile"])
        assert client.ready == 2
        client.stop()


def test_a_broker_that_is_not_there_is_a_clear_error() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        client = Client(BrokerSettings(host="127.0.0.1", port=port), "t")
        with pytest.raises(UnavailableError, match=str(port)):
            client.start(0.5)


def test_a_server_that_says_nothing_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(BrokerSettings(host="127.0.0.1", port=silent.getsockname()[1]), "t")
        with pytest.raises(UnavailableError, match="no answer"):
            client.start(0.5)


def test_a_wrong_password_is_told_at_once(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    # as mosquitto_passwd writes it: PBKDF2 with SHA-512, 101 rounds
    salt, key = (base64.b64encode(each).decode() for each in (
        b"salt" * 3, hashlib.pbkdf2_hmac("sha512", b"right", b"salt" * 3, 101)
    ))  # fmt: skip
    passwords.write_text(f"me:$7$101${salt}${key}\n")
    passwords.chmod(0o600)
    extra = f"password_file {passwords}\nallow_anonymous false"
    with broker(config_extra=extra) as own:
        url = own.url.replace("//", "//me@")
        wrong = BrokerSettings.parse(url, environ={"EDGE_MQTT_PASSWORD": "wrong"})
        with pytest.raises(UnavailableError, match=r"(?i)not authori"):
            Client(wrong, "t").start(DEADLINE_S)
        right = BrokerSettings.parse(url, environ={"EDGE_MQTT_PASSWORD": "right"})
        client = Client(right, "t")
        client.start(DEADLINE_S)
        client.stop()


def test_the_limits_of_the_broker_are_kept() -> None:
    with broker(config_extra="max_inflight_messages 2\nmax_packet_size 5000") as own:
        client = Client(settings(own), "t")
        client.start(DEADLINE_S)
        with pytest.raises(TooLargeError):
            client.publish(Message(topic="t", payload=b"x" * 5000))
        for _ in range(20):
            client.publish(Message(topic="t", payload=b"x"))
        done: set[int] = set()
        while len(done) < 20:
            until(lambda: len(client.got) > len(done))
            for message in client.got[len(done) :]:
                client.acknowledge(message)
                done.add(message.ticket)
        client.stop()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certificates")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        cwd=directory, check=True, capture_output=True,
    )  # fmt: skip
    return directory


@pytest.fixture
def tls_port(certificates: Path) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    extra = (
        f"listener {port} 127.0.0.1\nallow_anonymous true\n"
        f"cafile {certificates}/cert.pem\ncertfile {certificates}/cert.pem\n"
        f"keyfile {certificates}/key.pem"
    )
    with broker(config_extra=extra):
        yield port


# paho leaves it to the garbage collector to close a socket whose handshake failed
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_checks_who_the_broker_is(tls_port: int, certificates: Path) -> None:
    ca_file = certificates / "cert.pem"
    right = BrokerSettings.parse(f"mqtts://localhost:{tls_port}", ca_file=ca_file, environ={})
    client = Client(right, "t")
    client.start(DEADLINE_S)
    client.publish(Message(topic="t", payload=b"secret" * 10_000))
    until(lambda: client.got)
    client.stop()
    other_name = BrokerSettings.parse(f"mqtts://127.0.0.1:{tls_port}", ca_file=ca_file, environ={})
    with pytest.raises(UnavailableError, match=r"(?i)certificate"):
        Client(other_name, "t").start(DEADLINE_S)
    unknown = BrokerSettings.parse(f"mqtts://localhost:{tls_port}", environ={})
    with pytest.raises(UnavailableError, match=r"(?i)certificate"):
        Client(unknown, "t").start(DEADLINE_S)


def test_a_certificate_that_cannot_be_used_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    for name in ("ca.pem", "missing.pem"):
        at = BrokerSettings(host="localhost", tls=True, ca_file=tmp_path / name)
        with pytest.raises(ConfigError, match=name):
            Client(at, "t")
    assert ssl.OPENSSL_VERSION


def _packet(kind: int, body: bytes) -> bytes:
    size, rest = [], len(body)
    while True:
        size.append(rest % 128 | (128 if rest > 127 else 0))
        rest //= 128
        if not rest:
            return bytes([kind, *size]) + body


def _string(value: bytes) -> bytes:
    return struct.pack("!H", len(value)) + value


@pytest.mark.parametrize(
    "properties",
    [
        b"\x08" + _string(b"a\xed\xa0\x80"),  # response topic with a surrogate
        b"\x08" + _string(b"\xef\xbb\xbfx"),  # response topic with a byte order mark
        b"\x03" + _string(b"a\xed\xa0\x80"),  # content type
        b"\x26" + _string(b"\xed\xa0\x80") + _string(b"x"),  # user property
    ],
)
def test_a_request_that_paho_cannot_read_does_not_silence_the_node(
    mosquitto: Broker, name: str, tmp_path: Path, properties: bytes
) -> None:
    with running_node(mosquitto, name, tmp_path), App(mosquitto, name) as app:
        info = len(app.wait(lambda m: m.topic.endswith("/info")))
        with socket.create_connection((mosquitto.host, mosquitto.port)) as raw:
            connect = _string(b"MQTT") + b"\x05\x02\x00\x3c\x00" + _string(b"raw" + name.encode())
            raw.sendall(_packet(0x10, connect))
            assert raw.recv(1) == b"\x20"
            body = _string(f"edge/v1/{name}/req/ask/app".encode()) + b"\x00\x01"
            raw.sendall(_packet(0x32, body + bytes([len(properties)]) + properties + b"hi"))
            raw.settimeout(DEADLINE_S)
            assert raw.recv(100)
        assert app.ask("after").status == "ok"
        assert len(app.wait(lambda m: m.topic.endswith("/info"))) == info, "it did reconnect"
