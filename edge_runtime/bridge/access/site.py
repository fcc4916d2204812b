"""A broker, and all who use it; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

import msgspec

from edge_runtime.bridge.access.acl import acl
from edge_runtime.bridge.access.mosquitto import Listener, configuration
from edge_runtime.bridge.access.passwords import password_file
from edge_runtime.bridge.access.roles import Extras, Role
from edge_runtime.errors import ConfigError

_SETTINGS = PurePosixPath("/etc/edge-runtime")
_PORTS = {"local": 1883, "tls": 8883, "mtls": 8883}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?|[0-9a-fA-F:]{2,45}", re.ASCII)


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who is who, and how the broker is reached.

    ``members`` maps user names to roles. Without ``hosts`` the broker serves its own machine, in
    plain; with them everybody, by TLS under these host names and addresses. ``mtls`` is for
    certificates in place of passwords. ``at`` is where the broker's files will stand on its
    machine, and ``data`` where it keeps its store. ``port`` is 1883 or 8883 where it is None.
    """

    members: dict[str, Role] = {}
    hosts: list[str] = []
    mtls: bool = False
    port: int | None = None
    at: str = "/etc/mosquitto"
    data: str = "/var/lib/mosquitto"
    commands_topic: str | None = None
    hermes: bool = False

    def check(self) -> None:
        """Check what can be checked before a file is written.

        Raises:
            ConfigError: a name, a host, a directory or the topic for commands is not valid.
        """
        for host in self.hosts:
            if not _HOST.fullmatch(host):
                raise ConfigError(f"{host!r} is not a host name or address")
        for path in (self.at, self.data):
            if not path.startswith("/") or any(char.isspace() for char in path):
                raise ConfigError(f"{path!r}: give an absolute path without white space")
        if self.mtls and not self.hosts:
            raise ConfigError("certificates need TLS: give --tls HOST with --mtls")
        self.acl()

    @property
    def listener(self) -> Listener:
        """How the broker listens."""
        if not self.hosts:
            return "local"
        return "mtls" if self.mtls else "tls"

    def url(self, name: str) -> str:
        """Return where a member finds the broker, with its name."""
        host = self.hosts[0] if self.hosts else "localhost"
        port = self.port or _PORTS[self.listener]
        bracketed = f"[{host}]" if ":" in host else host
        return f"mqtt{'s' if self.hosts else ''}://{name}@{bracketed}:{port}"

    def acl(self) -> str:
        """Return the ACL file."""
        return acl(self.members, Extras(self.commands_topic, self.hermes))

    def broker_files(self, passwords: Mapping[str, str]) -> dict[str, str]:
        """Return the text files of the broker but its certificates, by name."""
        files = {
            "acl": self.acl(),
            "mosquitto.conf": configuration(
                self.listener,
                port=self.port or _PORTS[self.listener],
                at=PurePosixPath(self.at),
                data=PurePosixPath(self.data),
            ),
        }
        if not self.mtls:
            files["passwords"] = password_file(passwords)
        return files

    def settings(self, name: str) -> str:
        """Return the ``edge.toml`` of a member, whose other files stand beside it."""
        role = self.members[name]
        lines = [f"broker = {_quoted(self.url(name))}"]
        if role == "node":
            lines.insert(0, f"node = {_quoted(name)}")
            if self.commands_topic is not None:
                lines.append(f"commands_topic = {_quoted(self.commands_topic)}")
        files = {"mqtt_password_file": None if self.mtls else "mqtt-password"}
        files["mqtt_ca_file"] = "mqtt-ca.pem" if self.hosts else None
        files["mqtt_cert_file"] = "mqtt-cert.pem" if self.mtls else None
        files["mqtt_key_file"] = "mqtt-key.pem" if self.mtls else None
        lines += [
            f"{key} = {_quoted(str(_SETTINGS / file))}" for key, file in files.items() if file
        ]
        return "\n".join([*lines, ""])


def _quoted(value: str) -> str:
    return msgspec.json.encode(value).decode()  # JSON strings are TOML strings
