"""From the fleet to the pages that are open: what changed since each of them last looked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import msgspec

from edge_runtime.bridge.protocol.message import Message
from edge_runtime.dashboard.fleet import Fleet
from edge_runtime.dashboard.records import Key
from edge_runtime.errors import UnavailableError

MOST_VIEWERS = 16

_PACE_S = 0.2
_HEARTBEAT_S = 15.0
_MOST_PENDING = 1000


class Feed:
    """Keeps the fleet; ``received``, ``connected`` and ``lost`` may be called by any thread.

    ``broker`` is where the messages come from, for people to read.
    """

    def __init__(self, fleet: Fleet, now: Callable[[], float], *, broker: str) -> None:
        self._fleet = fleet
        self._now = now
        self._broker = broker
        self._is_connected = False
        self._lock = threading.Lock()
        self._viewers: set[Viewer] = set()
        self._is_closed = False

    def received(self, message: Message) -> None:
        """Take a message of the broker."""
        with self._lock:
            self._tell(self._fleet.fold(message))

    def connected(self) -> None:
        """The broker is there."""
        self._set_connected(is_connected=True)

    def lost(self) -> None:
        """The broker is gone."""
        self._set_connected(is_connected=False)

    def view(self, *, texts: bool) -> Viewer:
        """Return the eyes of one page, which has to close them; from its event loop.

        Raises:
            UnavailableError: as many pages are open as may.
        """
        viewer = Viewer(self, asyncio.get_running_loop(), texts=texts and self._fleet.texts)
        with self._lock:
            if self._is_closed or len(self._viewers) >= MOST_VIEWERS:
                raise UnavailableError(
                    f"{MOST_VIEWERS} pages are open already; close one, and reload this one"
                )
            self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Forget a page."""
        with self._lock:
            self._viewers.discard(viewer)

    def close(self) -> None:
        """End all views, and give no more."""
        with self._lock:
            self._is_closed = True
            viewers = list(self._viewers)
        for viewer in viewers:
            viewer.end()

    def snapshot(self, *, texts: bool) -> bytes:
        """Return everything as JSON."""
        with self._lock:
            found = {
                "now": self._now(),
                "broker": self._link(),
                "samples": self._fleet.samples(),
                "records": self._records(self._fleet.all_keys(), texts=texts),
            }
        return msgspec.json.encode(found)

    def changes(self, keys: Iterable[Key], *, texts: bool) -> bytes:
        """Return the records of some keys as JSON; null is gone."""
        with self._lock:
            found = {
                "now": self._now(),
                "broker": self._link(),
                "records": self._records(keys, texts=texts),
            }
        return msgspec.json.encode(found)

    def _set_connected(self, *, is_connected: bool) -> None:
        with self._lock:
            self._is_connected = is_connected
            self._tell([] if is_connected else self._fleet.lost(), always=True)

    def _tell(self, keys: list[Key], *, always: bool = False) -> None:
        if keys or always:
            for viewer in self._viewers:
                viewer.look(keys)

    def _link(self) -> dict[str, object]:
        return {"address": self._broker, "connected": self._is_connected}

    def _records(self, keys: Iterable[Key], *, texts: bool) -> list[tuple[str, str, Any]]:
        return [(kind, name, self._fleet.record((kind, name), texts=texts)) for kind, name in keys]


class Viewer:
    """One open page: however slow it is, only what it has not seen yet is remembered for it."""

    def __init__(self, feed: Feed, loop: asyncio.AbstractEventLoop, *, texts: bool) -> None:
        self._feed = feed
        self._loop = loop
        self._texts = texts
        self._lock = threading.Lock()
        self._pending: dict[Key, None] = {}
        self._wants_all = True
        self._has_ended = False
        self._is_awake = False
        self._wake = asyncio.Event()

    def look(self, keys: list[Key]) -> None:
        """Tell of changes, from any thread."""
        with self._lock:
            self._pending.update(dict.fromkeys(keys))
            if len(self._pending) > _MOST_PENDING:
                self._pending.clear()
                self._wants_all = True
            self._rouse()

    def end(self) -> None:
        """End the view, from any thread."""
        with self._lock:
            self._has_ended = True
            self._rouse()

    async def events(self) -> AsyncIterator[bytes]:
        """Yield server-sent events: a snapshot, then changes, and now and then a comment."""
        self._wake.set()
        while True:
            try:
                await asyncio.wait_for(self._wake.wait(), _HEARTBEAT_S)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            self._wake.clear()
            with self._lock:
                keys, wants_all = list(self._pending), self._wants_all
                self._pending.clear()
                self._wants_all = self._is_awake = False
                has_ended = self._has_ended
            if has_ended:
                return
            if wants_all:
                yield _event(b"snapshot", self._feed.snapshot(texts=self._texts))
            else:
                yield _event(b"changes", self._feed.changes(keys, texts=self._texts))
            await asyncio.sleep(_PACE_S)

    def _rouse(self) -> None:
        if not self._is_awake:
            self._is_awake = True
            self._loop.call_soon_threadsafe(self._wake.set)


def _event(name: bytes, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name, data)
