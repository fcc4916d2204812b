"""What the decoders have to reach against their peers."""

from __future__ import annotations

from benchmarks.decoders.contestants import (
    DEFAULT,
    FOUR_BITS,
    GENAI_INT8,
    LLAMA_Q4,
    LLAMA_Q8,
)
from benchmarks.harness.figures import Goal
from benchmarks.harness.groups import clock, group

# ours, peer, part, context -> the least ratio with one thread, with two
_LIMITS: tuple[tuple[str, str, str, int, float | None, float | None], ...] = (
    (DEFAULT, LLAMA_Q8, "decode", 64, 1.15, 1.4),
    (DEFAULT, LLAMA_Q8, "decode", 512, 1.15, 1.4),
    (DEFAULT, LLAMA_Q8, "prefill", 128, 4.0, None),
    (DEFAULT, LLAMA_Q8, "prefill", 512, 3.0, None),
    (DEFAULT, GENAI_INT8, "decode", 64, 1.4, None),
    (DEFAULT, GENAI_INT8, "decode", 512, 1.4, None),
    (FOUR_BITS, LLAMA_Q4, "decode", 64, 1.05, 1.4),
    (FOUR_BITS, LLAMA_Q4, "decode", 512, 1.05, 1.4),
)


def goals(shape: str, threads: int) -> list[Goal]:
    """Return the goals of a shape with a number of threads."""
    where = group(shape, threads)
    return [
        Goal(ours, peer, where, f"context {context}", part, clock(where), limit)
        for ours, peer, part, context, one, two in _LIMITS
        if (limit := one if threads == 1 else two) is not None
    ]
