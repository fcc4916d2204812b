"""One escalation in a worker's hands."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from edge_runtime.messages import Escalation

Key = tuple[str, str]


@dataclass(eq=False)
class Asked:
    """Which node asks what; ``expires`` is on the clock of the worker, None for never.

    ``node`` is who the broker let publish it, not who the message says. ``cancelled`` may be set by
    any thread.
    """

    node: str
    escalation: Escalation
    expires: float | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def key(self) -> Key:
        """What tells it apart: ids of two nodes have nothing to do with each other."""
        return self.node, self.escalation.id

    def is_wanted(self, now: float) -> bool:
        """Whether anybody still waits for the answer."""
        return not self.cancelled.is_set() and (self.expires is None or now < self.expires)
