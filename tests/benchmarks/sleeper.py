"""A contestant for tests of the harness: it does nothing, but does it as asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.harness.timing import Stopwatch, Timing

PACKAGES = ("numpy", "no-such-package")


def prepare(settings: Mapping[str, Any]) -> None:
    """Count how often it was asked."""
    with Path(settings["file"]).open("a") as file:
        file.write(f"{os.getpid()}\n")


def load(settings: Mapping[str, Any]) -> Sleeper:
    """Refuse if the settings say so."""
    if settings.get("refuse"):
        raise ValueError("too small a machine\nfor this model")
    os.write(1, b"a library prints to stdout\n")
    return Sleeper()


class Sleeper:
    """Says what it was asked."""

    def measure(self, case: Mapping[str, Any]) -> Mapping[str, Timing | object]:
        if case.get("die"):
            os.write(2, b"last words\n")
            os._exit(3)
        if case.get("fail"):
            raise RuntimeError("cannot read it")
        stopwatch = Stopwatch()
        return {"work": stopwatch.lap(case["units"]), "pid": os.getpid()}

    def close(self) -> None:
        pass
