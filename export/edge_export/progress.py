"""Progress of long steps on stderr: a line for each, and a clock for those without a bar."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

from tqdm import tqdm

_TICK_S = 0.5


def step(title: str) -> None:
    """Say what is being done now."""
    print(f"edge-export: {title}", file=sys.stderr)  # noqa: T201 - progress


@contextlib.contextmanager
def working(title: str) -> Iterator[None]:
    """Show how long a step has taken that does not say how far it is."""
    done = threading.Event()
    with tqdm(desc=f"edge-export: {title}", bar_format="{desc} {elapsed}") as bar:

        def tick() -> None:
            while not done.wait(_TICK_S):
                bar.refresh()

        clock = threading.Thread(target=tick, daemon=True)
        clock.start()
        try:
            yield
        finally:
            done.set()
            clock.join()
