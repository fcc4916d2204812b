"""How fast one core of this machine reads memory and multiplies, measured within 0.2 s."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from edge_devices.probe import probe_board
from edge_runtime.bundles.estimate import Machine

_BYTES = 64 << 20  # more than a cache holds
_SIZE, _PRODUCTS = 64, 32  # so small that numpy's products stay on one thread
_REPEATS = 4
_DOT_PRODUCT = {"asimddp", "avx512_vnni", "avx_vnni"}


def measure_machine() -> Machine:
    """Measure with what numpy has: a maximum over a large array, and small matrix products."""
    block = np.zeros(_BYTES // 4, dtype=np.float32)
    block[:: 4096 // 4] = 1.0  # every page has its own memory, not the kernel's page of zeros
    square = np.full((_PRODUCTS, _SIZE, _SIZE), 0.5, dtype=np.float32)
    return Machine(
        bytes_per_s=_BYTES / _best_s(block.max),
        adds_per_s=_PRODUCTS * _SIZE**3 / _best_s(lambda: square @ square),
        has_dot_product=bool(probe_board().cpu_features & _DOT_PRODUCT),
    )


def _best_s(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return max(min(times), 1e-9)
