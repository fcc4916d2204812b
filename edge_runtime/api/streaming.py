"""Text that a thread of its own writes while it is read."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator

from edge_runtime.tasks.text_output import Generation, Limits, Piece


def read_along(
    write: Callable[[Limits], Iterator[Piece]],
) -> Generator[str, None, Generation]:
    """Yield pieces of text as they come, return the generation; raises what ``write`` raises.

    The model is held by the thread and not by whoever reads: to stop reading for a while keeps
    nobody else waiting, and between two pieces the same model may be asked something else. To close
    the generator, or to drop it, ends the writing at the next token.
    """
    arrived: queue.SimpleQueue[Piece | Exception] = queue.SimpleQueue()
    cancelled = threading.Event()

    def work() -> None:
        try:
            for piece in write(Limits(cancelled=cancelled.is_set)):
                arrived.put(piece)
        except Exception as exc:  # noqa: BLE001 - raised where somebody reads
            arrived.put(exc)

    threading.Thread(target=work, name="writing", daemon=True).start()
    try:
        while True:
            found = arrived.get()
            if isinstance(found, Exception):
                raise found
            if found.text:
                yield found.text
            if found.generation is not None:
                return found.generation
    finally:
        cancelled.set()
