"""No decoder: reads memory as fast as it can, the roof above all of them."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.harness.timing import Stopwatch, Timing

PACKAGES = ("numpy",)

_BYTES = 512 << 20  # many times the caches
_REPEATS = 3


def prepare(settings: Mapping[str, Any]) -> None:
    """Nothing."""


def load(settings: Mapping[str, Any]) -> Reader:
    """Fill the memory."""
    return Reader(settings["threads"])


class Reader:
    """Memory on huge pages where the kernel has them, as the weights of edge-runtime are."""

    def __init__(self, threads: int) -> None:
        memory = mmap.mmap(-1, _BYTES)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            memory.madvise(mmap.MADV_HUGEPAGE)
        array = np.frombuffer(memory, dtype=np.uint8)
        array[:] = 1
        self._parts = np.array_split(array, threads)

    def measure(self, _case: Mapping[str, Any]) -> Mapping[str, Timing | object]:
        """Read all of it, each thread its part; the units of ``read`` are bytes.

        numpy's maximum of bytes reads whole vectors, writes nothing and gives up the interpreter's
        lock; libc's memchr and a sum of floats are slower.
        """
        self._read()
        stopwatch = Stopwatch()
        for _ in range(_REPEATS):
            self._read()
        return {"read": stopwatch.lap(_REPEATS * _BYTES)}

    def close(self) -> None:
        """Free the memory."""
        del self._parts

    def _read(self) -> None:
        others = [threading.Thread(target=part.max) for part in self._parts[1:]]
        for thread in others:
            thread.start()
        self._parts[0].max()
        for thread in others:
            thread.join()
