"""Whether the system's clock is right: many boards have none that runs while they are off."""

from __future__ import annotations

import ctypes
import ctypes.util
import os

_TIMEX_BYTES = 512  # struct timex has 208
_UNSYNCHRONIZED = 5  # TIME_ERROR of adjtimex(2)


def clock_is_synchronized() -> bool | None:
    """Return what the kernel was told by whoever keeps the time; None where nobody can ask."""
    if "ANDROID_ROOT" in os.environ:  # which ends a process that asks
        return None
    try:
        libc = ctypes.CDLL(ctypes.util.find_library("c") or "libc.so.6")
        state = int(libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _UNSYNCHRONIZED
