"""Memory of this process: how much is resident, and on pages of which size the weights lie."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.errors import MemoryLimitError

if TYPE_CHECKING:
    from edge_runtime.bundles.store import Bundle

_HUGE_PAGE = 2 << 20
# Linux, <asm-generic/mman-common.h>; collapsing at once came with 6.1
_MADV_HUGEPAGE, _MADV_COLLAPSE = 14, 25
_M_MMAP_THRESHOLD, _HIGHEST_THRESHOLD = -3, 32 << 20  # glibc, <malloc.h> and mallopt(3)
_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")

_Region = tuple[int, int]


@contextlib.contextmanager
def on_huge_pages() -> Iterator[None]:
    """Put what the block allocates on huge pages, as far as the kernel has them; never an error.

    Fewer misses of the address cache: a decoder, which reads all its weights for each token, gets
    about a tenth faster. Blocks of up to 32 MB come from the heap from then on (glibc), since one
    by one most weights are smaller than a huge page.
    """
    libc = _libc()
    if libc is None:
        yield
        return
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, _HIGHEST_THRESHOLD)
    before = _anonymous_regions()
    yield
    for start, end in grown(before, _anonymous_regions()):
        first, last = -(-start // _HUGE_PAGE) * _HUGE_PAGE, end // _HUGE_PAGE * _HUGE_PAGE
        if last <= first or libc.madvise(first, last - first, _MADV_HUGEPAGE) != 0:
            continue
        for page in range(first, last, _HUGE_PAGE):  # one by one: a hole would end the rest
            libc.madvise(page, _HUGE_PAGE, _MADV_COLLAPSE)


def resident_mb() -> float | None:
    """Return the resident memory of this process in MB, None where /proc does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * _PAGE_SIZE / 1e6
    return None


def check_memory(bundle: Bundle, limit_mb: int | None, context: int | None = None) -> None:
    """See that a bundle fits beside what this process holds already, before it is loaded.

    ``context`` is the length of its KV cache, in tokens.

    Raises:
        MemoryLimitError: it does not.
        BundleError: a graph cannot be read.
    """
    if limit_mb is None:
        return
    from edge_runtime.bundles.demand import demand_of  # noqa: PLC0415 - only where there is a limit
    from edge_runtime.bundles.estimate import PROCESS_BYTES, Machine, estimate  # noqa: PLC0415

    any_machine = Machine(bytes_per_s=1, adds_per_s=1, has_dot_product=False)
    demanded = estimate(demand_of(bundle), any_machine, context)
    held_mb = max(resident_mb() or 0.0, PROCESS_BYTES / 1e6)
    needed_mb = held_mb + (demanded.memory_bytes - PROCESS_BYTES) / 1e6
    if needed_mb > limit_mb:
        raise MemoryLimitError(
            f"bundle {bundle.manifest.name!r} with a context of {demanded.context} tokens needs "
            f"about {needed_mb:.0f} MB of memory, {needed_mb - limit_mb:.0f} MB more than the "
            f"limit of {limit_mb} MB: set memory_mb or max_context, or take a smaller bundle"
        )


def _libc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "madvise"):
        return None
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return libc


def _anonymous_regions() -> list[_Region]:
    """Return the address ranges that are private, writable and of no file."""
    regions = []
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
            span, mode, _offset, _device, inode, *name = line.split(maxsplit=5)
            if mode.startswith("rw-p") and inode == "0" and name in ([], ["[heap]"]):
                start, end = (int(part, 16) for part in span.split("-"))
                regions.append((start, end))
    return regions


def grown(before: list[_Region], after: list[_Region]) -> Iterator[_Region]:
    """Yield the parts of ``after`` that lie in none of ``before``; both are sorted."""
    for start, end in after:
        for old_start, old_end in before:
            if old_end <= start or old_start >= end:
                continue
            if old_start > start:
                yield start, old_start
            start = max(start, old_end)  # noqa: PLW2901 - what is left of the region
        if start < end:
            yield start, end
