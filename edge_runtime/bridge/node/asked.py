"""One request that has no final answer yet, and everybody who has asked for it."""

from __future__ import annotations

import time

from edge_runtime.bridge.protocol.requests import Incoming
from edge_runtime.bridge.protocol.route import Route
from edge_runtime.errors import ExpiredError


class Asked:
    """``arrived_at`` and ``give_up_at`` are in seconds of a clock that never goes back.

    ``is_over``: what the final answer is has been decided. ``is_unwanted``: whoever asked has
    cancelled it while it was worked on. Both are changed by ``UnderWay`` only.
    """

    __slots__ = (
        "arrived_at",
        "give_up_at",
        "incoming",
        "is_accepted",
        "is_over",
        "is_running",
        "is_unwanted",
        "repeats",
    )

    def __init__(self, incoming: Incoming, *, gone_s: float = 0.0) -> None:
        self.incoming = incoming
        self.repeats: list[Incoming] = []
        self.arrived_at = time.monotonic() - gone_s
        self.give_up_at = self.arrived_at + incoming.time_s
        self.is_accepted = False
        self.is_running = False
        self.is_over = False
        self.is_unwanted = False

    def everybody(self) -> list[Incoming]:
        """Return all messages that have asked, the first one first."""
        return [self.incoming, *self.repeats]

    def routes(self) -> list[Route]:
        """Return where the answer goes: once to each topic."""
        if not self.repeats:
            return [self.incoming.route]
        return list({each.route.topic: each.route for each in reversed(self.everybody())}.values())

    def has_use_for(self, repeat: Incoming) -> bool:
        """Whether a repeat has to be acknowledged later, or wants its answer somewhere else."""
        topics = {each.route.topic for each in self.everybody()}
        return not self.is_accepted or repeat.route.topic not in topics

    def is_stopped(self) -> bool:
        """Whether the model need not go on."""
        return self.is_over or self.is_unwanted


def expired(incoming: Incoming) -> ExpiredError:
    """Return the error of a request whose time is over."""
    return ExpiredError(f"no answer within {incoming.time_s * 1e3:.0f} ms; the node was busy")
