"""Three RabbitMQ nodes on loopback as one cluster that speaks MQTT 3.1.1."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path

from benchmarks.debian import library_path, unpack

_HOST = "127.0.0.1"
_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 10.0
_COOKIE = "edge-benchmark"

_CONFIG = """\
listeners.tcp = none
mqtt.listeners.tcp.1 = 127.0.0.1:{port}
mqtt.allow_anonymous = true
mqtt.default_user = guest
mqtt.default_pass = guest
load_definitions = {directory}/definitions.json
log.console = true
log.console.level = warning
log.file = false
vm_memory_high_watermark.relative = 0.2
{peers}
"""
_PEERS = "cluster_formation.peer_discovery_backend = classic_config"
_PEER = "cluster_formation.classic_config.nodes.{number} = {name}"
_SHIPPED = resources.files("edge_devices") / "assets/cluster/rabbitmq-definitions.json"
_USERS = {
    "users": [{"name": "guest", "password": "guest", "tags": ""}],
    "permissions": [
        {"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
    ],
}


class RabbitNode:
    """One node of the cluster; ``port`` is where it speaks MQTT."""

    def __init__(
        self,
        name: str,
        root: Path,
        directory: Path,
        *,
        peers: str,
        epmd_port: int,
        is_mirrored: bool,
    ) -> None:
        self.name = name
        self.port = free_port()
        self._root = root
        self._directory = directory
        self._peers = peers
        self._epmd_port = epmd_port
        self._is_mirrored = is_mirrored
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it takes connections.

        Raises:
            OSError: it does not start; the message holds its last lines.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        config = _CONFIG.format(port=self.port, directory=self._directory, peers=self._peers)
        (self._directory / "rabbitmq.conf").write_text(config)
        definitions = {**json.loads(_SHIPPED.read_text()), **_USERS}
        if not self._is_mirrored:
            definitions["policies"] = []
        (self._directory / "definitions.json").write_text(json.dumps(definitions))
        (self._directory / "enabled_plugins").write_text("[rabbitmq_mqtt].\n")
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [next(self._root.glob("usr/lib/rabbitmq/lib/*/sbin")) / "rabbitmq-server"],
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # so that a kill reaches the virtual machine as well
            )
        give_up_at = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < give_up_at and self._process.poll() is None:
            if accepts(self.port):
                return
            time.sleep(0.1)
        self.kill()
        lines = (self._directory / "log").read_text(errors="replace").strip().splitlines()
        raise OSError(f"RabbitMQ does not start: {' / '.join(lines[-3:]) or 'no output'}")

    def kill(self) -> None:
        """End it at once, with all its processes."""
        self._end(9)

    def stop(self) -> None:
        """End it, as a shutdown does."""
        self._end(15)

    def _environ(self) -> dict[str, str]:
        directory = str(self._directory)
        return {
            **os.environ,
            **environ(self._root, self._epmd_port),
            "HOME": directory,
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONFIG_FILE": f"{directory}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": f"{directory}/none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{directory}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{directory}/mnesia",
            "RABBITMQ_LOG_BASE": directory,
            "RABBITMQ_PID_FILE": f"{directory}/pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                f"-setcookie {_COOKIE} -kernel inet_dist_use_interface {{127,0,0,1}}"
            ),
            # one thread of each sort: there are two cores for all
            "RABBITMQ_SCHEDULER_BIND_TYPE": "u",
            "RABBITMQ_SERVER_ERL_ARGS": "+S 1:1 +sbwt none +P 1048576",
        }

    def _end(self, signal: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


@contextlib.contextmanager
def rabbit_cluster(
    directory: Path, names: Sequence[str] = ("a", "b", "c"), *, is_mirrored: bool = True
) -> Iterator[list[RabbitNode]]:
    """Run a cluster of RabbitMQ nodes, the packages of which are fetched at the first time.

    What waits for a session is on all nodes, or with ``is_mirrored`` false gone with one.

    Raises:
        OSError: the packages cannot be fetched, or a node does not start.
    """
    root = _program()
    epmd_port = free_port()
    epmd = subprocess.Popen(
        [root / "usr/bin/epmd", "-port", str(epmd_port), "-address", _HOST],
        env={**os.environ, **environ(root, epmd_port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    everybody = [f"{name}@localhost" for name in names]
    nodes: list[RabbitNode] = []
    try:
        for name in everybody:
            # the first one would wait for the others
            peers = _peers(everybody) if nodes else ""
            node = RabbitNode(
                name, root, directory / name, peers=peers, epmd_port=epmd_port,
                is_mirrored=is_mirrored,
            )  # fmt: skip
            nodes.append(node)
            node.start()
        yield nodes
    finally:
        for node in nodes:
            node.kill()
        epmd.kill()
        epmd.wait()


def _peers(names: Sequence[str]) -> str:
    lines = [_PEER.format(number=number, name=name) for number, name in enumerate(names, 1)]
    return "\n".join([_PEERS, *lines])


def environ(root: Path, epmd_port: int) -> dict[str, str]:
    """Return what programs below ``root`` need."""
    return {
        "PATH": f"{root}/usr/bin:{os.environ.get('PATH', '')}",
        "LD_LIBRARY_PATH": library_path(root),
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": _HOST,
    }


def accepts(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    try:
        socket.create_connection((_HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _program() -> Path:
    root = unpack("rabbitmq-server", Path(sys.prefix) / "share/edge-runtime/rabbitmq")
    # Debian's script names where its package would be installed
    script = root / "usr/lib/erlang/bin/erl"
    text = script.read_text()
    script.write_text(text.replace("=/usr/lib/erlang\n", f"={root}/usr/lib/erlang\n"))
    return root
