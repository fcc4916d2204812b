"""The processes that are killed: they are started again, and an end of their own is noticed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_STOP_TIMEOUT_S = 20.0
_AGAIN_S = 0.5
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Process:
    """One program; ``ended`` is called with a line about it when it ends by itself.

    It runs in a directory of its own, with nothing of this user's settings, and its output is in
    ``log``.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        directory: Path,
        ended: Callable[[str], None],
    ) -> None:
        self.name = name
        self.log = directory / f"{name}.log"
        self.max_rss_bytes = 0
        self._command = [sys.executable, "-m", *arguments]
        self._environ = {
            **os.environ,
            "HOME": str(directory),
            "EDGE_STATE": str(directory / name),
            "EDGE_CONFIG": os.devnull,
        }
        self._ended = ended
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process, None while there is none."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it."""
        with self._lock, self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environ
            )

    def kill(self, pause_s: float = 0.0) -> None:
        """Kill it, wait, and start it again."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                self._process = None
        time.sleep(pause_s)
        self.start()

    def stop(self) -> int:
        """Ask it to end; return its exit status, -9 if it had to be killed."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def look(self) -> None:
        """Measure it, and start it again if it has ended."""
        with self._lock:
            process = self._process
            status = None if process is None else process.poll()
            if process is not None and status is None:
                self.max_rss_bytes = max(self.max_rss_bytes, _rss_bytes(process.pid))
            if status is None:
                return
            self._process = None
        last = self.log.read_text(errors="replace").strip().splitlines()[-1:]
        self._ended(f"{self.name} ended by itself with status {status}: {''.join(last)[:300]}")
        time.sleep(_AGAIN_S)
        self.start()


def _rss_bytes(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    return 0
