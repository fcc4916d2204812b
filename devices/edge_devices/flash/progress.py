"""A bar on stderr, where somebody watches; else nothing until the end."""

from __future__ import annotations

import sys
import time

_WIDTH = 30
_EVERY_S = 0.2


class Bar:
    """Shows how far a job has come; called with what is done and what there is, in bytes."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._is_watched = sys.stderr.isatty()
        self._began = self._shown = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Show it, at most five times a second."""
        now = time.monotonic()
        if not self._is_watched or (done < total and now - self._shown < _EVERY_S):
            return
        self._shown = now
        full = _WIDTH * done // max(total, 1)
        rate = done / max(now - self._began, 1e-3) / 1e6
        bar = "#" * full + "." * (_WIDTH - full)
        end = "\n" if done >= total else ""
        sys.stderr.write(f"\r{self._what} [{bar}] {done / 1e6:.0f} MB, {rate:.0f} MB/s {end}")
        sys.stderr.flush()
