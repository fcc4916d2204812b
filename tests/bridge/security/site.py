"""A real mosquitto with the configuration that `edge-run broker-files` writes, unchanged."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, Self

from benchmarks.mosquitto import find_mosquitto, unpack_mosquitto
from edge_runtime.bridge.access.directory import write_site
from edge_runtime.bridge.access.roles import Role
from edge_runtime.bridge.access.site import Site
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.protocol.message import Message
from tests.bridge.harness import DEADLINE_S, until

Kind = Literal["local", "tls", "mtls"]

NOW = dt.datetime.now(dt.UTC)
MEMBERS: dict[str, Role] = {
    "pi1": "node", "pi2": "node", "phone": "client", "tv": "client", "gpu": "worker",
    "ops": "operator", "ha": "home",
}  # fmt: skip
_OWN: Mapping[str, Path | None] = {}


class Guarded:
    """The broker of a site that is being changed and run."""

    def __init__(self, directory: Path, kind: Kind, members: dict[str, Role] | None = None) -> None:
        self.directory = directory
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.site = Site(
            members=MEMBERS if members is None else members,
            hosts=[] if kind == "local" else ["localhost"],
            mtls=kind == "mtls",
            port=port,
            at=str(directory / "broker"),
            data=str(directory),
        )
        write_site(directory, self.site, NOW)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        found = find_mosquitto() or unpack_mosquitto()
        command = [str(found.path), "-c", str(self.directory / "broker/mosquitto.conf")]
        config = self.directory / "broker/mosquitto.conf"
        if os.geteuid() == 0:  # else it changes to a user who cannot read these files
            config.write_text(config.read_text() + "user root\n")
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **found.environ}
            )
        until(self._listens, f"mosquitto with {config}")
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.directory / "log").read_text()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.site.port or 0), timeout=1).close()
            return True
        return False

    def settings(
        self, name: str, files: Mapping[str, Path | None] = _OWN, *, url: str | None = None
    ) -> BrokerSettings:
        """Return what a member's `edge.toml` says, but where it lies; ``files`` are others."""
        user = self.directory / "users" / name
        own = {
            "ca_file": user / "mqtt-ca.pem" if self.site.hosts else None,
            "cert_file": user / "mqtt-cert.pem" if self.site.mtls else None,
            "key_file": user / "mqtt-key.pem" if self.site.mtls else None,
            **files,
        }
        environ = {}
        if not self.site.mtls:
            environ["EDGE_MQTT_PASSWORD_FILE"] = str(user / "mqtt-password")
        return BrokerSettings.parse(
            url or self.site.url(name),
            environ=environ,
            ca_file=own["ca_file"],
            cert_file=own["cert_file"],
            key_file=own["key_file"],
        )


class User(Connection):
    """A member who listens to all it can, and publishes and waits for the reason code."""

    def __init__(self, settings: BrokerSettings, name: str, *, filters: str = "#") -> None:
        self.name = name
        self.heard: list[tuple[str, bytes]] = []
        super().__init__(
            settings,
            client_id=f"{name}-{time.monotonic_ns()}",
            on_message=self._heard,
            subscriptions={filters: 1},
        )

    def __enter__(self) -> Self:
        self.start(DEADLINE_S)
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def has_heard(self, number: int) -> bool:
        return len(self.heard) >= number

    def _heard(self, message: Message) -> None:
        self.acknowledge(message)
        self.heard.append((message.topic, message.payload))

    def code(self, topic: str, payload: bytes = b"x") -> int:
        """Publish, and return the reason code of the PUBACK."""
        taken = threading.Event()
        codes: list[int] = []

        def note(code: int) -> None:
            codes.append(code)
            taken.set()

        self.publish(Message(topic=topic, payload=payload), note)
        assert taken.wait(DEADLINE_S)
        return codes[0]


@contextlib.contextmanager
def everybody(broker: Guarded) -> Iterator[dict[str, User]]:
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(User(broker.settings(name), name))
            for name in broker.site.members
        }
