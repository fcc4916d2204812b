"""The files that make a board this node: settings, secrets and the service."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge_devices.flash.errors import FlashError
from edge_devices.flash.installation import HOME, PROGRAM
from edge_devices.services.plan import File, Node
from edge_devices.services.systemd import system_plan

SETTINGS = PurePosixPath("/etc/edge-runtime")
BUNDLES = HOME / "bundles"

# a user that exists only meanwhile has no home where the system lacks libnss-systemd
_ENVIRONMENT = {"HOME": "/var/lib/edge-runtime"}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_BROKER = re.compile(r"mqtts?://([^/\s:@]+@)?(\[[0-9A-Fa-f:.]+\]|[^/\s:@]+)(:\d+)?/?", re.ASCII)
# setting -> name of its file on the board
SECRET_FILES = {
    "mqtt_password_file": "mqtt-password",
    "mqtt_key_file": "mqtt-key.pem",
}
PUBLIC_FILES = {"mqtt_ca_file": "mqtt-ca.pem", "mqtt_cert_file": "mqtt-cert.pem"}


@dataclass(frozen=True)
class NodeFiles:
    """What is written on the board: ``public`` files, and ``secret`` ones of mode 0600."""

    public: tuple[File, ...]
    secret: tuple[File, ...]


def node_files(
    name: str,
    broker: str,
    *,
    bundle: str | None = None,
    settings: str = "",
    contents: dict[str, str] | None = None,
) -> NodeFiles:
    """Return settings, secrets and service of a node.

    ``bundle`` is the name of a directory in ``BUNDLES``, ``settings`` further lines of
    ``edge.toml``, ``contents`` maps a setting of ``SECRET_FILES`` or ``PUBLIC_FILES`` to the text
    of its file.

    Raises:
        FlashError: a name or the broker's address is wrong, or the settings are.
    """
    if not _NAME.fullmatch(name):
        raise FlashError(f"node {name!r}: 1 to 64 of A-Z, a-z, 0-9, - and _")
    if not _BROKER.fullmatch(broker):
        raise FlashError(
            f"broker {broker!r} is not like mqtts://user@host; its password comes from a file"
        )
    given = contents or {}
    files = {key: SETTINGS / file for key, file in _known() if key in given}
    own = {"node": name, "broker": broker, **{key: str(path) for key, path in files.items()}}
    if bundle is not None:
        own["bundle"] = str(BUNDLES / bundle)
    _check(settings, own)
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in own.items())
    # a secret is no user's but root's; the service gets it as a credential
    credentials = {f"EDGE_{key.upper()}": Path(path) for key, path in files.items()}
    node = Node(PROGRAM, _ENVIRONMENT, credentials)
    public = (
        File(Path(SETTINGS / "edge.toml"), f"{lines}{settings}"),
        *system_plan(node).files,
        *(File(Path(files[key]), given[key]) for key in PUBLIC_FILES if key in given),
    )
    secret = (File(Path(files[key]), given[key], 0o600) for key in SECRET_FILES if key in given)
    return NodeFiles(public, tuple(secret))


def host_name(node: str) -> str:
    """Return a host name for a node: RFC 1123 knows no underscore."""
    return node.lower().replace("_", "-").strip("-") or "edge"


def _known() -> Iterator[tuple[str, str]]:
    yield from SECRET_FILES.items()
    yield from PUBLIC_FILES.items()


def _check(settings: str, own: dict[str, str]) -> None:
    try:
        further = tomllib.loads(settings)
    except tomllib.TOMLDecodeError as exc:
        raise FlashError(f"the settings are no TOML: {exc}") from exc
    if twice := sorted(set(further) & set(own)):
        raise FlashError(f"{', '.join(twice)}: said by an option and in the settings; keep one")
