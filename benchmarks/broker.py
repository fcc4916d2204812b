"""A broker on loopback for tests, the demo and benchmarks, whatever this machine has.

mosquitto if it is installed, else mosquitto unpacked from its Debian packages, else the embedded
amqtt, which speaks MQTT 3.1.1 only.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from benchmarks.mosquitto import Mosquitto, find_mosquitto, unpack_mosquitto

Kind = Literal["mosquitto", "mosquitto-unpacked", "amqtt"]

_HOST = "127.0.0.1"
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 5.0
_TRIES = 5

_MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
persistence {persistence}
autosave_on_changes true
autosave_interval 1
persistence_location {directory}/
{user}
{extra}
"""
_AMQTT = """\
listeners:
  default:
    type: tcp
    bind: 127.0.0.1:{port}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""


class Broker:
    """A broker process; ``kind`` says which, ``protocol`` the newest MQTT version it speaks."""

    def __init__(
        self, kind: Kind, directory: Path, *, persistence: bool = False, config_extra: str = ""
    ) -> None:
        self.kind = kind
        self.protocol: Literal["5", "3.1.1"] = "3.1.1" if kind == "amqtt" else "5"
        self.host = _HOST
        self.port = 0
        self._directory = directory
        self._persistence = persistence
        self._config_extra = config_extra
        self._program = _program(kind)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address, as ``--broker`` takes it."""
        return f"mqtt://{self.host}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process, None while it is stopped."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start, on the port of the last start or a free one; return when it accepts.

        Raises:
            OSError: it does not start; the message holds its last lines of output.
        """
        for attempt in range(_TRIES):
            port = self.port or _free_port()
            if self._start_on(port):
                self.port = port
                return
            # someone else may have been faster to take the port
            time.sleep(0.2 * attempt)
        lines = (self._directory / "log").read_text(errors="replace").strip().splitlines()
        raise OSError(f"{self.kind} does not start: {' / '.join(lines[-2:]) or 'no output'}")

    def stop(self) -> None:
        """Stop, or kill what does not."""
        self._end(kill=False)

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        self._end(kill=True)

    def restart(self, *, kill: bool = False) -> None:
        """Stop or kill, and start again on the same port."""
        self._end(kill=kill)
        self.start()

    def _start_on(self, port: int) -> bool:
        command, environ = self._command(port)
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environ},
            )
        give_up_at = time.monotonic() + _START_TIMEOUT_S
        while self._process.poll() is None and time.monotonic() < give_up_at:
            try:
                socket.create_connection((_HOST, port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self._process.poll() is None
        self._end(kill=True)
        return False

    def _command(self, port: int) -> tuple[list[str], dict[str, str]]:
        config = self._directory / "config"
        if self._program is None:
            config.write_text(_AMQTT.format(port=port))
            return [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(config)], {}
        config.write_text(
            _MOSQUITTO.format(
                port=port,
                persistence=str(self._persistence).lower(),
                directory=self._directory,
                # else it changes to a user who cannot write here
                user="user root" if os.geteuid() == 0 else "",
                extra=self._config_extra,
            )
        )
        return [str(self._program.path), "-c", str(config)], self._program.environ

    def _end(self, *, kill: bool) -> None:
        if self._process is None:
            return
        if kill:
            self._process.kill()
        else:
            self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


@contextlib.contextmanager
def broker(
    kind: Kind | None = None, *, persistence: bool = False, config_extra: str = ""
) -> Iterator[Broker]:
    """Run a broker; without a kind, the best that this machine has.

    ``config_extra`` are more lines for mosquitto's configuration; then it has to be mosquitto.

    Raises:
        OSError: no broker can be started; the message says why for each.
    """
    kinds: list[Kind] = [kind] if kind else ["mosquitto", "mosquitto-unpacked"]
    if kind is None and not config_extra:
        kinds.append("amqtt")
    problems = []
    for each in kinds:
        with tempfile.TemporaryDirectory(prefix="edge-broker-") as name:
            try:
                running = Broker(
                    each, Path(name), persistence=persistence, config_extra=config_extra
                )
                running.start()
            except OSError as exc:
                problems.append(f"{each}: {exc}")
                continue
            try:
                yield running
            finally:
                running.stop()
            return
    raise OSError(f"no MQTT broker can be started ({'; '.join(problems)})")


def _program(kind: Kind) -> Mosquitto | None:
    if kind == "amqtt":
        return None
    if kind == "mosquitto-unpacked":
        return unpack_mosquitto()
    found = find_mosquitto()
    if found is None:
        raise FileNotFoundError("not installed")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
