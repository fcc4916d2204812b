"""Greedy decoding, timed the same way for every runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.harness.timing import Stopwatch, Timing


def timed(
    forward: Callable[[Sequence[int]], int], ids: Sequence[int], tokens: int
) -> Mapping[str, Timing | object]:
    """Read ``ids``, then make ``tokens`` more; ``forward`` reads tokens and returns the next."""
    stopwatch = Stopwatch()
    made = [forward(ids)]
    answer: dict[str, Timing | object] = {"prefill": stopwatch.lap(len(ids))}
    for _ in range(tokens):
        made.append(forward(made[-1:]))
    if tokens:
        answer["decode"] = stopwatch.lap(tokens)
    return {**answer, "made": made}
