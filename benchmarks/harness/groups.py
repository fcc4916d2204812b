"""Groups: runs that have the model and the number of threads in common."""

from __future__ import annotations

from benchmarks.harness.figures import Clock


def group(model: str, threads: int) -> str:
    """Return what all runs of a model with so many threads are called."""
    return f"{model}, {threads} thread{'s' if threads > 1 else ''}"


def clock(group: str) -> Clock:
    """Return the clock of a group's figures.

    One thread is timed by its CPU, which a busy neighbour does not slow; more by the wall.
    """
    return "cpu" if group.endswith(", 1 thread") else "wall"
