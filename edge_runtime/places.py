"""Where things are on this machine; loads nothing that takes time, for the thin client's sake."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

SOCKET_VARIABLE = "EDGE_SOCKET"
# the directory of the runtimes of which this process is one
TREES_VARIABLE = "EDGE_TREES"
_OFF = "off"
_SOCKET = "edge.sock"
_TREES = "runtime"
_SYSTEM_STATE = "/var/lib/edge-runtime"
_SYSTEM_RUNTIME = "/run/edge-runtime"
_SETTING = "EDGE_"
# say where the node is and what is logged, not how a text is answered
_NO_SETTINGS = (SOCKET_VARIABLE, TREES_VARIABLE, "EDGE_LOG")


def default_state_directory() -> str:
    """Return where state is kept when no setting says so."""
    if os.access(_SYSTEM_STATE, os.W_OK):
        return _SYSTEM_STATE
    return os.path.expanduser("~/.local/state/edge-runtime")  # noqa: PTH111 - pathlib takes 5 ms


def trees_directory(environment: Mapping[str, str]) -> str:
    """Return where updates put runtimes; ``edge.toml`` is not read for that."""
    return f"{environment.get('EDGE_STATE') or default_state_directory()}/{_TREES}"


def config_files(environment: Mapping[str, str]) -> list[str]:
    """Return the places that are looked at, in order."""
    named = environment.get("EDGE_CONFIG")
    home = os.path.expanduser("~/.config/edge-runtime/edge.toml")  # noqa: PTH111
    return [*([named] if named else []), home, "/etc/edge-runtime/edge.toml"]


def client_sockets(environment: Mapping[str, str]) -> list[str]:
    """Return where a node may listen, most likely first; nothing when ``EDGE_SOCKET`` is ``off``.

    In the user's runtime directory, in the system's, else where the state is kept; a node whose
    state directory stands in ``edge.toml`` alone has to be named by ``EDGE_SOCKET``.
    """
    return [f"{directory}/{_SOCKET}" for directory in _directories(environment)] or _named(
        environment
    )


def node_socket(environment: Mapping[str, str]) -> str | None:
    """Return where a node listens, None for nowhere; its directory may have to be made."""
    for directory in _directories(environment):
        parent = os.path.dirname(directory)  # noqa: PTH120
        if os.access(directory, os.W_OK) or os.access(parent, os.W_OK):
            return f"{directory}/{_SOCKET}"
    return next(iter(client_sockets(environment)), None)


def setting_sources(environment: Mapping[str, str]) -> list[str]:
    """Return what settings come from: ``NAME digest`` for a variable, ``PATH state`` for a file.

    The digest is a SHA-256, so that a password can be compared without being sent.
    """
    found = []
    for name in sorted(environment):
        if name.startswith(_SETTING) and name not in _NO_SETTINGS and environment[name]:
            import hashlib

            digest = hashlib.sha256(os.fsencode(environment[name])).hexdigest()
            found.append(f"{name} {digest}")
    for path in config_files(environment):
        try:
            stat = os.stat(path)  # noqa: PTH116
        except OSError:
            continue
        state = f"{stat.st_dev}:{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}"
        found.append(f"{os.path.abspath(path)} {state}")  # noqa: PTH100
    return found


def _named(environment: Mapping[str, str]) -> list[str]:
    named = environment.get(SOCKET_VARIABLE)
    return [named] if named and named != _OFF else []


def _directories(environment: Mapping[str, str]) -> Iterator[str]:
    if environment.get(SOCKET_VARIABLE):
        return
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        yield f"{runtime}/edge-runtime"
    yield _SYSTEM_RUNTIME
    yield environment.get("EDGE_STATE") or default_state_directory()
