"""What becomes of a request besides its answer: it is accepted, over, cancelled, a command."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping

from edge_runtime.bridge.handler import Handler
from edge_runtime.bridge.node.asked import Asked, expired
from edge_runtime.bridge.node.delivery import Delivery
from edge_runtime.bridge.protocol.commands import command_message
from edge_runtime.bridge.protocol.events import event_message
from edge_runtime.bridge.protocol.message import Sender
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.queue.journal import Journal
from edge_runtime.bridge.queue.replies import cancelled
from edge_runtime.errors import EdgeError
from edge_runtime.messages import Answer, error_answer

_log = logging.getLogger(__name__)

_USUAL = {"cancelled", "expired"}  # events that need nobody's attention


class Outcomes:
    """Any thread may call. ``commands_topic`` is for home commands, None for nowhere."""

    def __init__(
        self,
        topics: NodeTopics,
        sender: Sender,
        delivery: Delivery,
        journal: Journal,
        *,
        commands_topic: str | None,
        now: Callable[[], float],
    ) -> None:
        self._topics = topics
        self._sender = sender
        self._delivery = delivery
        self._journal = journal
        self._commands_topic = commands_topic
        self._now = now

    def accept(self, asked: Asked) -> None:
        """It takes long: take it off the broker's hands once it is on disk."""

        def accepted() -> None:
            asked.is_accepted = True
            for each in asked.everybody():
                self._sender.acknowledge(each.message)

        if not asked.is_accepted:
            self._journal.accept(asked.incoming, accepted)

    def expire(self, asked: Asked) -> None:
        """Its time is over: that is the answer."""
        self._give_up(asked, expired(asked.incoming), "expired")

    def cancel(self, asked: Asked) -> None:
        """It is not wanted any more: that is the answer."""
        self._give_up(asked, cancelled(), "cancelled")

    def dropped(self, count: int) -> None:
        """So many requests found no room."""
        self.tell("dropped", {"reason": "queue", "count": count})

    def worked(self, asked: Asked, answer: Answer | None, handler: Handler) -> None:
        """The model is done with a request; ``answer`` is the final one if it gave that."""
        for kind, facts in handler.facts():
            self.tell(kind, facts)
        if answer is None or self._commands_topic is None:
            return
        if self._sender.is_ready:  # later is too late
            command = command_message(answer, asked.incoming, self._commands_topic, self._now())
            if command is not None:
                self._sender.publish(command)

    def tell(self, kind: str, facts: Mapping[str, object]) -> None:
        """Publish a fact as an event; one that nobody is connected for is only logged."""
        _log.log(logging.INFO if kind in _USUAL else logging.WARNING, "%s: %s", kind, facts)
        if self._sender.is_ready:
            with contextlib.suppress(EdgeError):  # what is told late helps nobody
                self._sender.publish(event_message(self._topics, kind, facts))

    def _give_up(self, asked: Asked, error: EdgeError, kind: str) -> None:
        incoming = asked.incoming
        request, route = incoming.request, incoming.route
        if self._delivery.final(asked, error_answer(request.id, request.task, error)):
            trace = {} if route.traceparent is None else {"traceparent": route.traceparent}
            self.tell(kind, {"id": request.id, "client": route.client, **trace})
