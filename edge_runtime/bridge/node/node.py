"""The node: answers requests over MQTT, and escalates those that the device is not sure of."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import edge_runtime
from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.handler import Handler
from edge_runtime.bridge.jobs import Jobs
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.node.answering import Answering
from edge_runtime.bridge.node.cancelling import Cancelling
from edge_runtime.bridge.node.companion import Companion
from edge_runtime.bridge.node.control import Command, Control, Steering, read_pause
from edge_runtime.bridge.node.delivery import Delivery
from edge_runtime.bridge.node.direct import DirectEscalations
from edge_runtime.bridge.node.health import HealthReports, Sources
from edge_runtime.bridge.node.intake import Admit, Intake
from edge_runtime.bridge.node.line import Line
from edge_runtime.bridge.node.observed import Observed
from edge_runtime.bridge.node.options import NodeOptions
from edge_runtime.bridge.node.outcomes import Outcomes
from edge_runtime.bridge.node.tally import Tally
from edge_runtime.bridge.node.under_way import UnderWay
from edge_runtime.bridge.node.watch import Watch
from edge_runtime.bridge.node.workers import Workers
from edge_runtime.bridge.protocol.about import info_message, status_message
from edge_runtime.bridge.protocol.message import Message, Sender
from edge_runtime.bridge.protocol.requests import RequestReader
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.bridge.queue.escalations import Escalations
from edge_runtime.bridge.queue.gate import Gatekeeper
from edge_runtime.bridge.queue.owner import Owner
from edge_runtime.errors import BadRequestError, EdgeError, UnavailableError
from edge_runtime.messages import Escalation, Reply

_log = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 10.0


class Node:
    """One device on the broker.

    ``outbox`` is the file of the durable queue; ``gate`` is asked before an escalation is sent;
    ``companions`` share the connection; ``admit`` may refuse a client; ``sources`` are told of by
    ``health``; ``observe`` is shown what is sent to clients and workers; ``now`` returns seconds
    since the epoch.

    Raises:
        ConfigError: the name, the topic for commands, the outbox or a certificate file cannot be
            used.
    """

    def __init__(  # noqa: PLR0913 - all but two are keywords
        self,
        settings: BrokerSettings,
        handler: Handler,
        *,
        name: str,
        outbox: Path,
        options: NodeOptions | None = None,
        gate: Gatekeeper | None = None,
        companions: Sequence[Companion] = (),
        admit: Admit = lambda _client: None,
        sources: Sources | None = None,
        steering: Steering | None = None,
        observe: Callable[[Message], None] | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        now = now or _steady_clock()
        options = options or NodeOptions()
        steering = steering or Steering()
        self.topics = NodeTopics(name)
        self._request_prefix = self.topics.requests[0].removesuffix("+")
        wanted = options.commands_topic
        self._address = settings.address
        self._handler = handler
        self._now = now
        self._info = self._describe()
        self.tally = Tally()
        self.line = Line(options.queue_limit, options.queue_bytes)
        self._under_way = UnderWay()
        self._inference = Jobs("inference")
        self._watch = Watch(self._under_way)
        self.escalations = Escalations(
            outbox,
            topics=self.topics,
            handler=handler,
            inference=self._inference,
            options=options.escalations,
            gate=gate,
            now=now,
        )
        self._direct = DirectEscalations(self.topics, options.escalations.presence_wait_s)
        self._health = HealthReports(
            self.topics, self.line, self.tally, self.escalations, sources or Sources()
        )
        self._companions: tuple[Companion, ...] = (
            Workers(self.topics, self.escalations, self._direct),
            self.escalations.parts,
            self._health,
            Control(
                self.topics, self._commands(steering), steering.policies, self._health.tell_soon
            ),
            *companions,
        )
        self._connection = Connection(
            settings,
            client_id=f"edge-{name}",
            on_message=self._received,
            subscriptions={
                **dict.fromkeys(self.topics.requests, 1),
                **{
                    topic: qos
                    for each in self._companions
                    for topic, qos in each.subscriptions.items()
                },
            },
            will=status_message(self.topics, "offline"),
            on_ready=self._ready,
            on_lost=self._lost,
            session_expiry_s=options.session_expiry_s,
        )
        self._sender: Sender = self._connection
        if observe is not None:
            self._sender = Observed(self._connection, observe)
        self._delivery = Delivery(
            self._sender, self.escalations.journal, self._under_way, self.tally,
            self._watch.later, now,
        )  # fmt: skip
        self._outcomes = Outcomes(
            self.topics, self._sender, self._delivery, self.escalations.journal,
            commands_topic=wanted if wanted is None else self.topics.commands(wanted), now=now,
        )  # fmt: skip
        answering = Answering(
            handler, self.line, self._under_way, self._delivery, self._outcomes, self.escalations,
            self.tally, self._sender,
        )  # fmt: skip
        self._intake = Intake(
            RequestReader(self.topics, handler.tasks, now=now, prefixes=options.response_prefixes),
            self.line, self._under_way, self._watch, self._inference, answering, self._delivery,
            self.tally, self._sender, admit, self._outcomes.dropped,
        )  # fmt: skip
        self._cancelling = Cancelling(self._under_way, self.escalations, self._outcomes.cancel)

    def start(self, timeout_s: float | None = None) -> None:
        """Go online; without a timeout keep trying in the background.

        Raises:
            UnavailableError: the broker cannot be used within the timeout.
        """
        self._inference.start()
        self._watch.start(self._outcomes.accept, self._outcomes.expire)
        self.escalations.start(self._sender)
        for companion in self._companions:
            companion.start(self._connection)
        try:
            self._resume()
            self._connection.start(timeout_s)
        except UnavailableError:
            self.stop()
            raise

    def stop(self) -> None:
        """Finish the request at hand, say goodbye, and close the outbox.

        Requests that wait stay with the broker or in the journal until the node is back.
        """
        self._inference.stop(_STOP_TIMEOUT_S)
        self._watch.stop()
        for companion in self._companions:
            companion.stop()
        self._connection.stop(status_message(self.topics, "offline"))
        self.escalations.stop()

    @property
    def health(self) -> HealthReports:
        """How the node is doing."""
        return self._health

    @property
    def queue(self) -> Owner:
        """The queries that wait, as the owner of the device sees them."""
        return self.escalations.owner

    def why_stuck(self) -> str | None:
        """Return why the node gets nowhere with its requests, None if it does."""
        return self._inference.why_stuck()

    def ask_workers(
        self,
        escalation: Escalation,
        timeout_s: float,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Reply:
        """Escalate for a command on this device, wait, and return the reply, maybe an error.

        Nothing is queued; any thread but those of the node may ask.

        Raises:
            UnavailableError: the broker is not connected, or no worker is online.
            ExpiredError: no reply within ``timeout_s``.
        """
        return self._direct.ask(self._connection, escalation, timeout_s, is_cancelled)

    def forget(self, client: str | None, session: str | None) -> int:
        """Delete what the outbox holds of a client or its session; return how many queries.

        Raises:
            UnavailableError: the outbox could not be changed.
        """
        count = self.escalations.forget(client, session)
        # an answer that was being finished meanwhile is remembered before this returns
        finished = threading.Event()
        if self._inference.submit(finished.set, urgent=True):
            finished.wait(_STOP_TIMEOUT_S)
        return count

    def refresh_info(self) -> None:
        """Publish anew what the node says about itself."""
        self._info = self._describe()
        if self._connection.is_ready:
            self._connection.publish(self._info)

    def _describe(self) -> Message:
        info = {"version": edge_runtime.__version__, **self._handler.info()}
        return info_message(self.topics, self._handler.tasks, info)

    def _commands(self, steering: Steering) -> dict[str, Command]:
        def reload(_payload: bytes) -> None:
            steering.reload()
            self.refresh_info()

        return {
            "pause": lambda payload: self.escalations.pause(read_pause(payload)),
            "flush": lambda _payload: self.escalations.flush(),
            "reload": reload,
            "update": steering.update,
        }

    def _resume(self) -> None:
        """Go on with what an earlier process has accepted and not answered."""
        try:
            left = self.escalations.journal.unanswered()
        except EdgeError as exc:
            log_failure(_log, "accepted requests cannot be read", exc)
            return
        for incoming in left:
            self._intake.resume(incoming, self._now() - incoming.arrived)
        if left:
            _log.info("going on with %d requests of an earlier start", len(left))

    # network thread: look, hand over, return

    def _ready(self) -> None:
        self._connection.publish(self._info)
        self._connection.publish(status_message(self.topics, "online"))
        for companion in self._companions:
            companion.connected()
        _log.info("ready: node %s at %s", self.topics.node, self._address)

    def _lost(self) -> None:
        for companion in self._companions:
            companion.lost()

    def _received(self, message: Message) -> None:
        if message.topic.startswith(self._request_prefix):
            self._requested(message)
        elif not any(companion.received(message) for companion in self._companions):
            self._connection.acknowledge(message)

    def _requested(self, message: Message) -> None:
        with contextlib.suppress(BadRequestError):  # a client's name that is not valid
            client = self.topics.cancel(message.topic)
            if client is not None:
                if not message.retain:
                    self._cancelling.cancel(client, message)
                self._connection.acknowledge(message)
                return
        self._intake.received(message)


def _steady_clock() -> Callable[[], float]:
    """Return the time since the epoch as it is known now; a clock that is set later changes it not.

    A board without a clock of its own is told the time once its network is up, perhaps while
    requests wait.
    """
    origin = time.time() - time.monotonic()
    return lambda: origin + time.monotonic()
