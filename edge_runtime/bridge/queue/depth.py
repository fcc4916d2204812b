"""How much waits in the queue, as the node's health tells it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Depth:
    """Escalations without an answer, and bytes of all that the file holds.

    ``oldest_s`` is the age of the oldest escalation, None if there is none; ``dropped`` counts
    since the file was made, by reason.
    """

    escalations: int = 0
    bytes: int = 0
    oldest_s: float | None = None
    dropped: dict[str, int] = field(default_factory=dict)
    workers: int = 0
    is_paused: bool = False
