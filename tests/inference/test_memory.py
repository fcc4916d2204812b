from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.inference.memory import grown, resident_mb

PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")

SCRIPT = """
import sys
import numpy as np
from edge_runtime.inference.memory import on_huge_pages

def kilobytes():
    for line in open("/proc/self/smaps_rollup"):
        if line.startswith("AnonHugePages"):
            return int(line.split()[1])

before = kilobytes()
with on_huge_pages():
    blocks = [np.ones(300_000, dtype=np.float32) for _ in range(40)]  # 1.2 MB each
assert all(block.sum() == 300_000 for block in blocks)
print(kilobytes() - before)
"""


def test_what_is_allocated_lies_on_huge_pages() -> None:
    if not PAGES.exists() or "[never]" in PAGES.read_text():
        pytest.skip("this kernel gives no huge pages")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    # most of 48 MB, though each block is smaller than a page
    assert int(done.stdout) > 24_000


def test_the_resident_memory_is_known() -> None:
    resident = resident_mb()
    assert resident is not None
    assert 10 < resident < 100_000


_REGIONS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=6).map(
    lambda spans: _apart([(start, start + size) for start, size in spans])
)


def _apart(regions: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted, none over another."""
    kept: list[tuple[int, int]] = []
    for start, end in sorted(regions):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept


def _points(regions: list[tuple[int, int]]) -> set[int]:
    return {point for start, end in regions for point in range(start, end)}


@given(before=_REGIONS, after=_REGIONS)
def test_what_has_grown_is_what_was_not_there(
    before: list[tuple[int, int]], after: list[tuple[int, int]]
) -> None:
    assert _points(list(grown(before, after))) == _points(after) - _points(before)
