"""Settings: option, then environment, then configuration files, key by key."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge_runtime.errors import ConfigError
from edge_runtime.routing.policy import OwnerPolicy

_SYSTEM_STATE = Path("/var/lib/edge-runtime")
_PREFIX = "EDGE_"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All settings of the device, as in ``edge.toml``; paths as strings."""

    node: str = ""
    bundle: str = "assistant"
    state: str = ""
    threads: int = 1
    broker: str | None = None
    mqtt_protocol: Literal["5", "3.1.1"] = "5"
    mqtt_password_file: str | None = None
    mqtt_ca_file: str | None = None
    mqtt_cert_file: str | None = None
    mqtt_key_file: str | None = None
    mqtt_allow_plain: bool = False
    llm_url: str | None = None
    llm_model: str | None = None
    llm_key_file: str | None = None
    policy: OwnerPolicy = OwnerPolicy()

    @property
    def state_directory(self) -> Path:
        """Where the process keeps its state; not created yet."""
        if self.state:
            return Path(self.state).expanduser()
        if os.access(_SYSTEM_STATE, os.W_OK):
            return _SYSTEM_STATE
        return Path("~/.local/state/edge-runtime").expanduser()

    @property
    def node_name(self) -> str:
        """The name on the broker: as set, else the host name with what MQTT does not allow."""
        if self.node:
            return self.node
        host = os.uname().nodename.split(".", 1)[0]
        return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in host)[:64]


def load_settings(environment: Mapping[str, str] | None = None, **options: object) -> Settings:
    """Merge options (None: not given), ``EDGE_…`` variables and files.

    Raises:
        ConfigError: a file cannot be read, a key is unknown, or a value has the wrong type; the
            message names the source.
    """
    env = os.environ if environment is None else environment
    merged: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    for source, values in reversed(list(_sources(env, options))):
        merged.update(values)
        policy.update(merged.pop("policy", {}))
        try:
            msgspec.convert({**merged, "policy": policy}, Settings, strict=source != "environment")
        except msgspec.ValidationError as exc:
            raise ConfigError(f"{source}: {exc}") from exc
    return msgspec.convert({**merged, "policy": policy}, Settings, strict=False)


def config_files(environment: Mapping[str, str]) -> list[Path]:
    """Return the places that are looked at, in order."""
    named = environment.get("EDGE_CONFIG")
    home = Path("~/.config/edge-runtime/edge.toml").expanduser()
    return [*([Path(named)] if named else []), home, Path("/etc/edge-runtime/edge.toml")]


def _sources(
    environment: Mapping[str, str], options: Mapping[str, object]
) -> Iterator[tuple[str, dict[str, Any]]]:
    given = {key: value for key, value in options.items() if value is not None}
    yield "command line", given
    yield "environment", _from_environment(environment)
    for path in config_files(environment):
        if path.exists():
            try:
                yield str(path), tomllib.loads(path.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
                raise ConfigError(f"{path}: {exc}") from exc
        elif str(path) == environment.get("EDGE_CONFIG"):
            raise ConfigError(f"EDGE_CONFIG names {path}, and there is no such file")


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    for key in Settings.__struct_fields__:
        if (value := environment.get(_PREFIX + key.upper())) and key != "policy":
            values[key] = value
    for key in OwnerPolicy.__struct_fields__:
        if value := environment.get(f"{_PREFIX}POLICY_{key.upper()}"):
            policy[key] = value
    return {**values, "policy": policy}
