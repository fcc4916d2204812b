"""A board whose clocks a test moves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_runtime.assistant.memory.file import Memory


@dataclass
class Board:
    """``wall_s`` may be set to anything; ``uptime_s`` only runs, until the next boot."""

    wall_s: float = 1_000_000.0
    uptime_s: float = 10.0
    boot: str = "first"

    def run(self, seconds: float) -> None:
        self.wall_s += seconds
        self.uptime_s += seconds

    def reboot(self, boot: str, *, off_s: float = 0.0) -> None:
        self.boot = boot
        self.uptime_s = 1.0
        self.wall_s += off_s

    def memory(self, path: Path | None = None) -> Memory:
        return Memory(path, now=lambda: self.wall_s, uptime=lambda: (self.boot, self.uptime_s))
