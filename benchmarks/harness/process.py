"""A contestant seen from the benchmark: a child process that is asked, one thing at a time."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness.timing import Timing

_CHILD = "benchmarks.harness.child"
_REPOSITORY = Path(__file__).parents[2]
_EXIT_TIMEOUT_S = 20.0
_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "0"}


class ContestantError(Exception):
    """A contestant cannot take part; the message is its reason, on one line."""


@dataclass(frozen=True)
class Entry:
    """Who takes part: a name, the module that serves it, and the Python that has its packages.

    ``settings`` go to the module. ``python`` is None for a peer for whom none was named; ``option``
    is the option that names it.
    """

    name: str
    module: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    python: Path | None = Path(sys.executable)
    option: str = ""


class Process:
    """The child process of an entry; ``name`` is the entry's.

    Raises:
        ContestantError: no Python was named for it, or it does not start.
    """

    def __init__(self, entry: Entry) -> None:
        self.name = entry.name
        self._entry = entry
        if entry.python is None:
            raise ContestantError(f"no {entry.option}")
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        try:
            self._process = subprocess.Popen(
                [str(entry.python), "-m", _CHILD, entry.module],
                cwd=_REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                env={**_ENVIRONMENT, **os.environ},
            )
        except OSError as exc:
            self._log.close()
            raise ContestantError(f"{entry.python} does not start: {exc.strerror}") from exc

    def prepare(self) -> None:
        """Have it write its files.

        Raises:
            ContestantError: it cannot.
        """
        self._ask({"do": "prepare", "settings": self._entry.settings})

    def load(self) -> Facts:
        """Have it load its model.

        Raises:
            ContestantError: it cannot.
        """
        answer = self._ask({"do": "load", "settings": self._entry.settings})
        return Facts(versions=answer["versions"], load=Timing(**answer["load"]))

    def measure(self, case: Mapping[str, Any]) -> Measured:
        """Have it run a case once.

        Raises:
            ContestantError: it cannot.
        """
        answer = self._ask({"do": "measure", "case": case})
        timings = {k: Timing(**v) for k, v in answer.items() if _is_timing(v)}
        return Measured(timings, {k: v for k, v in answer.items() if k not in timings})

    def peak_rss_bytes(self) -> int:
        """Return the largest resident memory of the process so far.

        Raises:
            ContestantError: it is gone.
        """
        return int(self._ask({"do": "memory"})["peak_rss_bytes"])

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None and self._process.poll() is None:
            try:
                self._process.communicate('{"do": "close"}\n', _EXIT_TIMEOUT_S)
            except (subprocess.TimeoutExpired, OSError):
                self._process.kill()
                self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # what it was not told any more
                    stream.close()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise ContestantError(f"{self.name} has no pipes")
        try:
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            line = stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise ContestantError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ContestantError(answer["error"])
        ok: dict[str, Any] = answer["ok"]
        return ok

    def _last_words(self) -> str:
        status = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"ended with status {status}"


@dataclass(frozen=True)
class Facts:
    """What a contestant says of itself once it is loaded."""

    versions: dict[str, str]
    load: Timing


@dataclass(frozen=True)
class Measured:
    """One run: the timing of each of its parts, and other facts of it."""

    timings: dict[str, Timing]
    facts: dict[str, Any]


def prepare(entry: Entry) -> None:
    """Have an entry's files written by a process that ends then, so that its memory is not counted.

    Raises:
        ContestantError: it cannot.
    """
    process = Process(entry)
    try:
        process.prepare()
    finally:
        process.close()


def _is_timing(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {"wall_s", "cpu_s", "units"}
