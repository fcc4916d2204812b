"""Whoever's turn it is: found in the record, answered by the model, or handed to the workers."""

from __future__ import annotations

import contextlib
import logging
import time

import msgspec

from edge_runtime.assistant.pending import Pending
from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.handler import Handler
from edge_runtime.bridge.node.asked import Asked
from edge_runtime.bridge.node.delivery import Delivery
from edge_runtime.bridge.node.line import Line
from edge_runtime.bridge.node.outcomes import Outcomes
from edge_runtime.bridge.node.tally import Tally
from edge_runtime.bridge.node.under_way import UnderWay
from edge_runtime.bridge.protocol.message import Sender
from edge_runtime.bridge.protocol.parts import STREAM, is_streamed, part_message
from edge_runtime.bridge.queue.escalations import Escalations
from edge_runtime.bridge.queue.kept import Kept, Waiting
from edge_runtime.errors import EdgeError, UnavailableError
from edge_runtime.messages import Answer, Request, error_answer

_log = logging.getLogger(__name__)

_TOGETHER = 16  # requests that the handler is told of at a time


class Answering:
    """All of it runs on the inference thread, one request after the other."""

    def __init__(  # noqa: PLR0913 - the parts of one node
        self,
        handler: Handler,
        line: Line,
        under_way: UnderWay,
        delivery: Delivery,
        outcomes: Outcomes,
        escalations: Escalations,
        tally: Tally,
        sender: Sender,
    ) -> None:
        self._handler = handler
        self._line = line
        self._under_way = under_way
        self._delivery = delivery
        self._outcomes = outcomes
        self._escalations = escalations
        self._tally = tally
        self._sender = sender
        # numpy's threads would take signals that the process has not held back yet
        from edge_runtime.tasks.text_output import Limits  # noqa: PLC0415

        self._limits = Limits
        self._expected = 0  # of those that wait, the handler has been told of so many

    def next(self) -> None:
        """Do what is to be done for the request whose turn it is."""
        self._expect_more()
        asked = self._line.next()
        if asked is None or asked.is_over:
            return
        if asked.is_unwanted:
            self._outcomes.cancel(asked)
            return
        if not self._is_known(asked):
            self._answer(asked)

    def _expect_more(self) -> None:
        """Tell the handler what waits, when all that it was told of has been answered."""
        if self._expected == 0:
            batch = self._line.coming(_TOGETHER) if len(self._line) > 1 else []
            self._expected = max(1, len(batch))
            if batch:
                self._tell(batch)
        self._expected -= 1

    def _tell(self, batch: list[Asked]) -> None:
        try:
            self._handler.expect([each.incoming.request for each in batch])
        except Exception as exc:  # noqa: BLE001 - it only makes the answers faster
            log_failure(_log, "the handler could not be told what comes", exc)

    def _is_known(self, asked: Asked) -> bool:
        """Give the answer that there is, or see to it that the one that will come is given."""
        incoming = asked.incoming
        try:
            found = self._escalations.journal.find(incoming)
        except Exception as exc:  # noqa: BLE001 - a disk that fails is no reason to be silent
            log_failure(_log, "the record of answers cannot be read", exc)
            return False
        if isinstance(found, Kept):
            self._delivery.again(asked, found)
        elif isinstance(found, Waiting) and found.is_escalated:
            if self._under_way.decide(asked):
                for each in self._under_way.release(asked):
                    self._escalations.repeated(each)
        else:
            return False
        return True

    def _answer(self, asked: Asked) -> None:
        request = asked.incoming.request
        begun = time.monotonic()
        asked.is_running = True
        with contextlib.suppress(UnavailableError):  # then it is tried once more than it should be
            self._escalations.journal.begins(asked.incoming)
        try:
            outcome = self._outcome(asked)
        except EdgeError as exc:
            outcome = error_answer(request.id, request.task, exc)
        except Exception as exc:  # noqa: BLE001 - whoever asked gets an answer, whatever happens
            log_failure(_log, f"request {request.id} failed", exc)
            internal = EdgeError("the node could not answer; see its log")
            outcome = error_answer(request.id, request.task, internal)
        self._tally.worked(time.monotonic() - begun)
        self._outcomes.worked(asked, self._settle(asked, outcome, begun), self._handler)

    def _settle(self, asked: Asked, outcome: Answer | Pending, begun: float) -> Answer | None:
        """Do what follows from an outcome; return the final answer if that is it."""
        if asked.is_unwanted:
            self._outcomes.cancel(asked)
        elif time.monotonic() >= asked.give_up_at:
            self._outcomes.expire(asked)
        elif isinstance(outcome, Pending):
            self._escalate(asked, outcome)
        else:
            waited_ms = round((begun - asked.arrived_at) * 1e3, 3)
            timing = msgspec.structs.replace(outcome.ms, queue=waited_ms)
            answer = msgspec.structs.replace(outcome, ms=timing)
            if self._delivery.final(asked, answer):
                return answer
        return None

    def _outcome(self, asked: Asked) -> Answer | Pending:
        """Return what the handler says; the pieces that come before go out as they are."""
        incoming = asked.incoming
        request, wants_pieces = _without_stream(incoming.request)
        limits = self._limits(asked.give_up_at, asked.is_stopped)
        number = 0
        for found in self._handler.stream(request, limits):
            if not isinstance(found, str):
                return found
            if wants_pieces and not asked.is_stopped():
                self._sender.publish(part_message(incoming.route, number, found))
                number += 1
        raise EdgeError("the model said nothing; see the node's log")

    def _escalate(self, asked: Asked, pending: Pending) -> None:
        if not self._under_way.decide(asked):
            return
        try:
            # the queue knows of it before it is forgotten here, so that a repeat finds it
            self._escalations.add(asked.incoming, pending)
        except Exception as exc:  # noqa: BLE001 - as above
            log_failure(_log, f"request {pending.guess.id} could not be queued", exc)
            failed = pending.failed(EdgeError("the node could not queue it; see its log"))
            self._delivery.decided(asked, failed)
            return
        self._tally.escalated()
        for repeat in self._under_way.release(asked)[1:]:
            self._escalations.add(repeat, pending)


def _without_stream(request: Request) -> tuple[Request, bool]:
    """Return the request as the handler knows it, and whether pieces are wanted."""
    if STREAM not in request.options:
        return request, False
    options = {name: value for name, value in request.options.items() if name != STREAM}
    return msgspec.structs.replace(request, options=options), is_streamed(request)
