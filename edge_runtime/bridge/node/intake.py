"""From a message to a place in the line, or to the answer that says why not."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.bridge.jobs import Jobs
from edge_runtime.bridge.node.answering import Answering
from edge_runtime.bridge.node.delivery import Delivery
from edge_runtime.bridge.node.line import Line
from edge_runtime.bridge.node.tally import Tally
from edge_runtime.bridge.node.under_way import UnderWay
from edge_runtime.bridge.node.watch import Watch
from edge_runtime.bridge.protocol.message import Message, Sender
from edge_runtime.bridge.protocol.requests import Incoming, Refused, RequestReader
from edge_runtime.errors import EdgeError, UnavailableError
from edge_runtime.messages import error_answer

_LEAST_RETRY_S = 1.0
_LONGEST_RETRY_S = 60.0
_TELL_AFTER_S = 1.0  # all that are refused in it are told of at once

Admit = Callable[[str], EdgeError | None]
"""Returns why a client may not ask for anything now, None if it may."""


class Intake:
    """Runs on the network thread: it looks, hands over and returns."""

    def __init__(  # noqa: PLR0913 - the parts of one node
        self,
        reader: RequestReader,
        line: Line,
        under_way: UnderWay,
        watch: Watch,
        inference: Jobs,
        answering: Answering,
        delivery: Delivery,
        tally: Tally,
        sender: Sender,
        admit: Admit,
        tell_dropped: Callable[[int], None],
    ) -> None:
        self._reader = reader
        self._line = line
        self._under_way = under_way
        self._watch = watch
        self._inference = inference
        self._answering = answering
        self._delivery = delivery
        self._tally = tally
        self._sender = sender
        self._admit = admit
        self._tell_dropped = tell_dropped

    def received(self, message: Message) -> None:
        """Take a request, or refuse it; what is none is acknowledged and forgotten."""
        incoming = self._reader.read(message)
        if incoming is None:
            self._sender.acknowledge(message)
        elif isinstance(incoming, Refused):
            self._delivery.refuse(incoming.answer, incoming.route, message)
        else:
            self._take(incoming)

    def resume(self, incoming: Incoming, gone_s: float) -> None:
        """Go on with a request that an earlier process has accepted, so long after it came."""
        asked, _ = self._under_way.add(incoming, gone_s=gone_s)
        if asked is not None:
            asked.is_accepted = True
            self._line.add(asked, always=True)
            self._watch.add(asked)
            self._inference.submit(self._answering.next)

    def _take(self, incoming: Incoming) -> None:
        asked, is_kept = self._under_way.add(incoming)
        if not is_kept:
            self._sender.acknowledge(incoming.message)
        if asked is None:  # it is under way, and gets the same answer
            return
        # a repeat of what is under way costs nothing, so only others are counted
        refusal = self._admit(incoming.route.client)
        if refusal is None and not self._line.add(asked):
            refusal = self._busy()
            if self._tally.refused():
                self._watch.later(_TELL_AFTER_S, self._tell_refused)
        if refusal is None:
            self._watch.add(asked)
            self._inference.submit(self._answering.next)
            return
        self._under_way.decide(asked)
        answer = error_answer(incoming.request.id, incoming.request.task, refusal)
        for each in self._under_way.release(asked):
            self._delivery.refuse(answer, each.route, each.message)

    def _busy(self) -> EdgeError:
        error = UnavailableError("too many requests wait for the model; ask again later")
        error.retry_after_s = round(
            max(_LEAST_RETRY_S, min(_LONGEST_RETRY_S, len(self._line) * self._tally.infer_s)), 1
        )
        return error

    def _tell_refused(self) -> None:
        self._tell_dropped(self._tally.newly_refused())
