"""Final answers: on disk first, then to everybody who has asked, then off the broker's hands."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.node.asked import Asked
from edge_runtime.bridge.node.tally import Tally
from edge_runtime.bridge.node.under_way import UnderWay
from edge_runtime.bridge.protocol.message import Message, Sender
from edge_runtime.bridge.protocol.route import Route, response
from edge_runtime.bridge.queue.journal import Journal
from edge_runtime.bridge.queue.kept import Kept
from edge_runtime.errors import EdgeError, TooLargeError, UnavailableError
from edge_runtime.messages import Answer, error_answer

_log = logging.getLogger(__name__)

_AGAIN_S = 1.0

Later = Callable[[float, Callable[[], None]], None]


class Delivery:
    """Any thread may call. ``later`` runs something after so many seconds."""

    def __init__(
        self,
        sender: Sender,
        journal: Journal,
        under_way: UnderWay,
        tally: Tally,
        later: Later,
        now: Callable[[], float],
    ) -> None:
        self._sender = sender
        self._journal = journal
        self._under_way = under_way
        self._tally = tally
        self._later = later
        self._now = now

    def final(self, asked: Asked, answer: Answer) -> bool:
        """Give the final answer; False if there is one already."""
        if not self._under_way.decide(asked):
            return False
        self.decided(asked, answer)
        return True

    def decided(self, asked: Asked, answer: Answer) -> None:
        """Give the final answer to a request of which the caller has decided what it is."""
        try:
            kept = Kept.of(answer, asked.incoming.route)
        except Exception as exc:  # noqa: BLE001 - whoever asked gets an answer, whatever happens
            log_failure(_log, "an answer could not be written as JSON", exc)
            broken = EdgeError("the node could not write its answer; see its log")
            answer = error_answer(answer.id, answer.task, broken)
            kept = Kept.of(answer, asked.incoming.route)
        self._tally.answered(answer, time.monotonic() - asked.arrived_at)
        publish = partial(self._publish, asked, kept)
        try:
            self._journal.keep(asked.incoming, kept, publish)
        except Exception as exc:  # noqa: BLE001 - as above
            log_failure(_log, "an answer could not be kept", exc)
            publish()

    def again(self, asked: Asked, kept: Kept) -> None:
        """Give the answer that was given before to the same request."""
        if self._under_way.decide(asked):
            self._publish(asked, kept)

    def refuse(self, answer: Answer, route: Route, message: Message) -> None:
        """Answer what was never taken on; nothing is remembered of it."""
        self._send(response(answer, route, self._now()), partial(self._sender.acknowledge, message))

    def _publish(self, asked: Asked, kept: Kept) -> None:
        first, *others = asked.routes()
        taken = partial(self._taken, asked)
        try:
            self._send(kept.message(first, self._now()), taken)
        except TooLargeError as exc:
            request = asked.incoming.request
            kept = Kept.of(error_answer(request.id, request.task, exc), first)
            self._send(kept.message(first, self._now()), taken)
        for route in others:
            self._send(kept.message(route, self._now()))

    def _send(self, message: Message, on_taken: Callable[[], None] | None = None) -> None:
        """Publish; what finds no room on the way to the broker tries again."""
        try:
            self._sender.publish(message, None if on_taken is None else lambda _code: on_taken())
        except UnavailableError:
            self._later(_AGAIN_S, partial(self._send, message, on_taken))

    def _taken(self, asked: Asked) -> None:
        """Run on the network thread: the broker has the answer."""
        for incoming in self._under_way.release(asked):
            self._sender.acknowledge(incoming.message)
        self._journal.delivered(asked.incoming)
