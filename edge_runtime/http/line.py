"""The waiting line before a bundle: so many at work, so many that wait, and no more."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from edge_runtime.http.errors import BusyError
from edge_runtime.tasks.text_output import Generation, Limits, Piece

_Result = TypeVar("_Result")

Job = Callable[[Limits], Iterator[Piece]]
"""Writes one text, or several after each other; each ends with a piece that has its generation."""


class Line:
    """Works for one bundle on threads of its own, in the order of arrival.

    ``places`` are at work at a time, at most ``waiting`` more wait.
    """

    def __init__(self, name: str, *, places: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(places, thread_name_prefix=f"http-{name}")
        self._most = places + waiting
        self._count = 0
        self._lock = threading.Lock()
        self._name = name

    @property
    def count(self) -> int:
        """Who is at work or waits."""
        with self._lock:
            return self._count

    def submit(self, work: Callable[[], _Result]) -> Future[_Result]:
        """Queue some work; a future that is cancelled before its turn leaves the line.

        Raises:
            BusyError: too many wait already.
        """
        with self._lock:
            if self._count >= self._most:
                raise BusyError(f"too many requests wait for {self._name!r}; try again later")
            self._count += 1
        future = self._pool.submit(work)
        future.add_done_callback(self._left)
        return future

    def close(self) -> None:
        """Wait for what is at work; what waits is dropped."""
        self._pool.shutdown(cancel_futures=True)

    def _left(self, _future: Future[_Result]) -> None:
        with self._lock:
            self._count -= 1


class Writing:
    """A text on its way from a thread of the line to this event loop.

    Raises:
        BusyError: too many wait already.
    """

    def __init__(self, line: Line, job: Job) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[Piece | Exception | None] = asyncio.Queue()
        self._cancelled = threading.Event()
        self._job = job
        self._turn = line.submit(self._work)

    async def next(self) -> Piece | None:
        """Wait for the next piece; None at the end. Raises what the job raises."""
        arrived = await self._arrived.get()
        if isinstance(arrived, Exception):
            raise arrived
        return arrived

    async def generations(self) -> list[Generation]:
        """Wait for the end, return all that was written. Raises what the job raises."""
        made = []
        while (piece := await self.next()) is not None:
            if piece.generation is not None:
                made.append(piece.generation)
        return made

    def cancel(self) -> None:
        """Leave the line, or stop at the next token; harmless at the end."""
        self._cancelled.set()
        self._turn.cancel()

    def _work(self) -> None:
        try:
            for piece in self._job(Limits(cancelled=self._cancelled.is_set)):
                self._put(piece)
        except Exception as exc:  # noqa: BLE001 - raised where somebody waits
            self._put(exc)
        else:
            self._put(None)

    def _put(self, item: Piece | Exception | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, item)
