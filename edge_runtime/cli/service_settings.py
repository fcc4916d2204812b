"""What a service is started with: the settings that it will find, and the secrets they name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge_runtime.errors import ConfigError
from edge_runtime.settings import Settings

if TYPE_CHECKING:
    from edge_devices.services.plan import Node

_FILE = Path("/etc/edge-runtime/edge.toml")
_USER_FILE = ".config/edge-runtime/edge.toml"
# the service's own user can read neither root's files nor homes
_FILES = (
    "mqtt_password_file", "mqtt_ca_file", "mqtt_cert_file", "mqtt_key_file", "http_key_file",
    "http_cert_file", "http_cert_key_file", "llm_key_file",
)  # fmt: skip
_PUBLIC = {"mqtt_ca_file", "mqtt_cert_file", "http_cert_file"}
_OTHERS = 0o077


def service_node(
    program: Path,
    options: Mapping[str, str | None],
    root: Path,
    *,
    is_whole: bool,
    group: str = "",
) -> Node:
    """Return the node as the service starts it, from the file that it reads and the options.

    ``root`` is that of the machine it is for; ``is_whole`` is whether it is the whole machine's.

    Raises:
        ConfigError: the file is wrong, neither a broker nor an HTTP address is set, or a secret is
            missing or open to others.
    """
    from edge_devices.services.plan import Node

    path = root / _FILE.relative_to("/") if is_whole else Path.home() / _USER_FILE
    settings = _settings(path, {k: v for k, v in options.items() if v is not None})
    if settings.broker is None and settings.http is None:
        raise ConfigError(
            f"which broker? set it in {path}, or give --broker mqtt://localhost; or --http :8080"
        )
    return Node(
        program,
        {f"EDGE_{key.upper()}": value for key, value in options.items() if value is not None},
        # a user's service reads the user's files itself
        dict(_credentials(settings, root)) if is_whole else {},
        group,
    )


def _settings(path: Path, options: Mapping[str, str]) -> Settings:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return msgspec.convert({**values, **options}, Settings)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        raise ConfigError(f"{path}: {exc}") from exc


def _credentials(settings: Settings, root: Path) -> Iterator[tuple[str, Path]]:
    for key in _FILES:
        value: str | None = getattr(settings, key)
        if value is None:
            continue
        path = Path(value)
        if not path.is_absolute():
            raise ConfigError(f"{key}: the service needs an absolute path, not {value}")
        here = root / path.relative_to("/")
        try:
            mode = here.stat().st_mode
        except OSError as exc:
            raise ConfigError(f"{key}: {path} cannot be read: {exc.strerror}") from exc
        if key not in _PUBLIC and mode & _OTHERS:
            raise ConfigError(f"{key}: others can read {path}; run: chmod 600 {path}")
        yield f"EDGE_{key.upper()}", path
