"""A command of a client, run here with what the node has loaded."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge_runtime.bridge.failures import log_failure
from edge_runtime.cli.local_socket import frames
from edge_runtime.cli.local_socket.call import Call, DeclinedError, Host, enter
from edge_runtime.cli.local_socket.connection import Connection
from edge_runtime.cli.local_socket.streams import input_stream, output_stream
from edge_runtime.cli.run import fail
from edge_runtime.errors import EdgeError

_log = logging.getLogger(__name__)

RunArguments = Callable[[list[str]], int]
"""Runs the command with these arguments and returns its exit status; raises EdgeError,
DeclinedError and SystemExit."""


class Forwarded:
    """Runs the commands of clients; ``sources`` are those of the node's own settings.

    Who can open the socket may use the node as it was set up. Who wants other settings, by a
    variable or a file that the node did not read, is told to run the command in its own process.
    """

    def __init__(self, host: Host, run: RunArguments, sources: list[str]) -> None:
        self._host = host
        self._run = run
        self._sources = frozenset(sources)

    def __call__(self, connection: Connection, content: bytes) -> None:
        """Run a command to its end; nothing that it does can make this raise."""
        try:
            self._answer(connection, content)
        except DeclinedError as exc:
            if not connection.decline(str(exc)):
                _log.error("a command was declined too late: %s", exc)
        except BrokenPipeError:
            _log.debug("a client is gone before its command ended")
        except Exception as exc:  # noqa: BLE001 - the node goes on, whatever happens
            log_failure(_log, "a command of the local socket failed", exc)
            with contextlib.suppress(OSError):
                connection.send(frames.ERROR, b"error: the node could not do it; see its log\n")
                connection.send(frames.STATUS, b"\1")
        finally:
            connection.end()

    def _answer(self, connection: Connection, content: bytes) -> None:
        try:
            version, terminals, directory, sources, words = frames.understand(content)
        except ValueError as exc:
            raise DeclinedError("it does not understand this client") from exc
        self._check(version, [os.fsdecode(source) for source in sources])
        arguments = [os.fsdecode(word) for word in words]
        connection.send(frames.TAKEN)
        out, err = partial(connection.send, frames.OUT), partial(connection.send, frames.ERROR)
        is_terminal = [each == "1" for each in terminals.ljust(3, "0")]
        call = Call(
            host=self._host,
            directory=Path(os.fsdecode(directory)),
            stdin=input_stream(partial(_next_input, connection), is_terminal=is_terminal[0]),
            stdout=output_stream(out, is_terminal=is_terminal[1], is_buffered=True),
            stderr=output_stream(err, is_terminal=is_terminal[2], is_buffered=False),
            is_cancelled=lambda: connection.is_gone,
        )
        enter(call)
        status = self._status(arguments)
        call.stdout.flush()
        call.stderr.flush()
        connection.send(frames.STATUS, bytes([status & 0xFF]))

    def _check(self, version: str, sources: list[str]) -> None:
        if version != frames.VERSION:
            raise DeclinedError(f"it speaks version {frames.VERSION} of this, not {version}")
        for source in sources:
            if source not in self._sources:
                name = source.rpartition(" ")[0]
                raise DeclinedError(f"{name} is not what the node was started with")

    def _status(self, arguments: list[str]) -> int:
        try:
            return self._run(arguments)
        except EdgeError as exc:
            fail(exc)
            return 1
        except SystemExit as exc:
            if isinstance(exc.code, str):
                print(exc.code, file=sys.stderr)
                return 1
            return exc.code or 0


def _next_input(connection: Connection) -> bytes:
    # in order: what was printed about the text before stands before what the next one makes
    sys.stdout.flush()
    sys.stderr.flush()
    return connection.next_input()
