"""A TCP proxy whose connections can be cut, or go silent first."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

_HOST = "127.0.0.1"
_CHUNK_BYTES = 65_536
_TICK_S = 0.01


class Proxy:
    """Forwards from its own port to another one; runs on the loop that ``proxies`` runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target_port: int) -> None:
        self._loop = loop
        self._target_port = target_port
        self._open: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._silence: asyncio.Task[None] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The address for an MQTT client."""
        return f"mqtt://{_HOST}:{self.port}"

    def cut(self) -> None:
        """End all connections at once, with a reset; any thread."""
        self._loop.call_soon_threadsafe(self._cut)

    def silence(self, seconds: float) -> None:
        """Let nothing through for a while, as a lost radio link does, then cut; any thread."""

        def begin() -> None:
            if self._silence is None or self._silence.done():
                self._silence = self._loop.create_task(self._be_silent(seconds))

        self._loop.call_soon_threadsafe(begin)

    async def open(self) -> None:
        """Listen."""
        self._flows.set()
        self._server = await asyncio.start_server(self._connected, _HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
        if self._silence is not None:
            self._silence.cancel()
        self._flows.set()
        while self._open:
            self._cut()
            await asyncio.sleep(_TICK_S)

    async def _be_silent(self, seconds: float) -> None:
        self._flows.clear()
        await asyncio.sleep(seconds)
        self._cut()
        self._flows.set()

    def _cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(_HOST, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, there[1]}
        await asyncio.gather(self._forward(reader, there[1]), self._forward(there[0], writer))
        for each in (writer, there[1]):
            with contextlib.suppress(OSError):
                await each.wait_closed()
            self._open.discard(each)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                await self._flows.wait()
                writer.write(chunk)
                await writer.drain()
        writer.close()


@contextlib.contextmanager
def proxies(target_port: int, count: int) -> Iterator[list[Proxy]]:
    """Run so many proxies to the same port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxies", daemon=True)
    thread.start()
    running = [Proxy(loop, target_port) for _ in range(count)]
    try:
        for each in running:
            asyncio.run_coroutine_threadsafe(each.open(), loop).result()
        yield running
    finally:
        for each in running:
            asyncio.run_coroutine_threadsafe(each.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
