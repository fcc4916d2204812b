"""What the node asks before it sends an escalation, and tells afterwards."""

from __future__ import annotations

from typing import Protocol

from edge_runtime.assistant.pending import Pending
from edge_runtime.messages import Escalation, Reply
from edge_runtime.routing.refusal import Refusal


class Gatekeeper(Protocol):
    """Keeps to the owner's gates and budgets; any thread may ask.

    ``edge_runtime.assistant.governing.governor.Governor`` is the one on a device.
    """

    def closed(self) -> Refusal | None:
        """Return why nobody at all may be asked now, if so."""

    def admit(self, pending: Pending) -> Escalation | Refusal:
        """Return the escalation as it may be sent now, charged as one request, or why not."""

    def replied(self, client: str, reply: Reply, took_s: float) -> None:
        """An attempt ended with a reply, which may be an error."""

    def failed(self) -> None:
        """An attempt ended without a reply."""

    def unsent(self, client: str) -> None:
        """What was admitted did not leave: it is not charged."""

    def try_now(self) -> None:
        """There is reason to believe that the link works again."""


class OpenGate:
    """Lets everything pass."""

    def closed(self) -> Refusal | None:
        """Return None."""

    def admit(self, pending: Pending) -> Escalation | Refusal:
        """Return the escalation as it is."""
        return pending.escalation

    def replied(self, client: str, reply: Reply, took_s: float) -> None:
        """Take no note."""

    def failed(self) -> None:
        """Take no note."""

    def unsent(self, client: str) -> None:
        """Take no note."""

    def try_now(self) -> None:
        """Take no note."""
