"""A command that this process runs for a client of its local socket, as its verb sees it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from edge_runtime.assistant.asking import Escalate
    from edge_runtime.assistant.pipeline import Assistant
    from edge_runtime.bridge.queue.owner import Owner


class DeclinedError(Exception):
    """This process does not run the command; its client does, in its own process."""


class Host(Protocol):
    """What a node lends to the commands of its clients."""

    def assistant(self, bundle: str | None, directory: Path) -> Assistant:
        """Return the assistant with a bundle; raises DeclinedError."""

    def escalation_route(self, is_cancelled: Callable[[], bool]) -> Escalate:
        """Return how the node asks a large model."""

    @property
    def queue(self) -> Owner:
        """The queries that wait, as the owner of the device sees them."""

    def forget(self, client: str | None, session: str | None) -> dict[str, int]:
        """Delete what is kept of a client or its session, of all where None is named."""


@dataclass(frozen=True)
class Call:
    """One forwarded command; ``directory`` is the client's working directory."""

    host: Host
    directory: Path
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    is_cancelled: Callable[[], bool]


_current: ContextVar[Call | None] = ContextVar("call", default=None)


def current_call() -> Call | None:
    """Return the call that this thread runs; None in a process of one's own."""
    return _current.get()


def enter(call: Call) -> None:
    """Let this thread run a call, to its end."""
    _current.set(call)


def is_cancelled() -> bool:
    """Whether nobody waits for the result any more."""
    call = current_call()
    return call is not None and call.is_cancelled()
