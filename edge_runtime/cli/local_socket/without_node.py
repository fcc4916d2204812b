"""A server without a broker, as its local commands see it: nothing is queued, nobody is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.errors import UnavailableError

if TYPE_CHECKING:
    from edge_runtime.bridge.queue.owner import Owner
    from edge_runtime.messages import Escalation, Reply


class WithoutNode:
    """Stands where a node would; ``outbox`` may hold queries of one that ran before.

    The process owns the state directory.
    """

    def __init__(self, outbox: Path) -> None:
        self._outbox = outbox

    @property
    def queue(self) -> Owner:
        """Raise UnavailableError: the queue is not looked at while this process runs."""
        raise UnavailableError(
            "edge-run serve runs here without a broker and sends nothing that waits; "
            "stop it, or start it with --broker, and try again"
        )

    def ask_workers(
        self,
        _escalation: Escalation,
        _timeout_s: float,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Reply:
        """Raise NobodyToAskError."""
        del is_cancelled
        from edge_runtime.assistant.asking import NobodyToAskError

        raise NobodyToAskError("no --broker and no --llm given")

    def forget(self, client: str | None, session: str | None) -> int:
        """Delete what waits of a client or its session; return how many queries it were.

        Raises:
            ConfigError: the file is no outbox.
            UnavailableError: the disk fails.
        """
        from edge_runtime.bridge.queue.forgetting import forget_at_rest

        return forget_at_rest(self._outbox, client, session) if self._outbox.exists() else 0
