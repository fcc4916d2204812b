"""``python -m benchmarks.harness.child MODULE``: serves one contestant over its pipes.

A line of stdin is a JSON request, a line of stdout its answer: ``{"ok": …}``, or ``{"error": …}``
with one line that says why. MODULE has

- ``PACKAGES``: the distributions whose versions count,
- ``prepare(settings)``: writes the files that ``load`` wants, where they are not there yet,
- ``load(settings)``: returns an object whose ``measure(case)`` runs once and returns the timing of
  each part of it by name, with other facts by name, and whose ``close()`` frees it.

Settings and cases are JSON objects that the benchmark and its modules agree on. Runs in peers'
Pythons, so it imports the standard library only.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import re
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol, TextIO, cast

from benchmarks.harness.timing import Stopwatch, Timing

Json = Mapping[str, Any]


class Loaded(Protocol):
    """A model in memory."""

    def measure(self, case: Json) -> Mapping[str, Timing | object]:
        """Run once: the timing of each part, and facts that JSON can hold."""

    def close(self) -> None:
        """Free the model."""


class Contestant(Protocol):
    """What a module of a contestant looks like from here."""

    PACKAGES: tuple[str, ...]

    def prepare(self, settings: Json) -> None:
        """Write the files that ``load`` wants."""

    def load(self, settings: Json) -> Loaded:
        """Bring the model into memory."""


class Server:
    """Answers requests for the contestant of a module, which is imported at the first one."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._loaded: Loaded | None = None

    def answer(self, request: Json) -> Json:
        """Return what a request asks for."""
        contestant = cast("Contestant", importlib.import_module(self._module))
        do, settings = request["do"], request.get("settings", {})
        if do == "prepare":
            contestant.prepare(settings)
            return {}
        if do == "load":
            stopwatch = Stopwatch()
            self._loaded = contestant.load(settings)
            return {
                "load": dataclasses.asdict(stopwatch.lap()),
                "versions": {name: _version(name) for name in contestant.PACKAGES},
            }
        if self._loaded is None:
            raise ValueError(f"{do!r} before anything was loaded")
        if do == "measure":
            return {
                name: dataclasses.asdict(value) if isinstance(value, Timing) else value
                for name, value in self._loaded.measure(request["case"]).items()
            }
        if do == "memory":
            return {"peak_rss_bytes": peak_rss_bytes()}
        self._loaded.close()
        return {}


def peak_rss_bytes() -> int:
    """Return the peak of this process alone; that of ``getrusage`` starts with its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


def serve(module: str, requests: TextIO, answers: TextIO) -> None:
    """Answer requests until there are no more."""
    server = Server(module)
    for line in requests:
        try:
            answer: dict[str, object] = {"ok": server.answer(json.loads(line))}
        except Exception as exc:  # noqa: BLE001 - the parent reports whatever a peer raises
            lines = str(exc).strip().splitlines() or [""]
            answer = {"error": f"{type(exc).__name__}: {lines[0]}"}
        print(json.dumps(answer), file=answers, flush=True)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _private_stdout() -> TextIO:
    """Return stdout, and send to stderr what libraries print."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


if __name__ == "__main__":
    serve(sys.argv[1], sys.stdin, _private_stdout())
