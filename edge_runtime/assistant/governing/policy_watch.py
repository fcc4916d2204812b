"""The policy of a process that runs on while its owner edits the file."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_runtime.errors import EdgeError
from edge_runtime.routing.policy import OwnerPolicy

_log = logging.getLogger(__name__)

State = tuple[tuple[int, int, int, int] | None, ...]


class PolicyWatch:
    """Reads the policy again once one of its files is another; a look at each is all it costs.

    A file that is broken or gone keeps the policy that was in force, and is told once.

    Raises:
        EdgeError: when it is made, if the policy cannot be read.
    """

    def __init__(self, files: Sequence[Path], load: Callable[[], OwnerPolicy]) -> None:
        self._files = list(files)
        self._load = load
        # looked at before the reading, so that a change in between is seen the next time
        self._seen = self._state()
        self._there = {path for path, state in zip(files, self._seen, strict=True) if state}
        self._policy = load()

    def __call__(self) -> OwnerPolicy:
        """Return the policy in force."""
        state = self._state()
        if state != self._seen:
            self._seen = state
            self._read_again()
        return self._policy

    def _read_again(self) -> None:
        present = {path for path, state in zip(self._files, self._seen, strict=True) if state}
        if gone := self._there - present:  # without it, the defaults would be in force
            _log.error("the policy stays as it was: %s is gone", ", ".join(map(str, sorted(gone))))
            return
        self._there = present
        try:
            policy = self._load()
        except EdgeError as exc:
            _log.error("the policy stays as it was: %s", exc)
            return
        if policy != self._policy:
            self._policy = policy
            _log.warning("new policy: privacy %s, %d rules", policy.privacy, len(policy.rules))

    def _state(self) -> State:
        return tuple(map(_state_of, self._files))


def _state_of(path: Path) -> tuple[int, int, int, int] | None:
    try:
        stat = os.stat(path)  # noqa: PTH116 - for every query, and pathlib takes longer
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
