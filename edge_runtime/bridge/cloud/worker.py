"""The worker beside a large model: answers the escalations of all nodes."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from functools import partial

import msgspec

from edge_runtime.bridge.cloud.answering import Answering
from edge_runtime.bridge.cloud.asked import Asked, Key
from edge_runtime.bridge.cloud.fair_queue import FairQueue
from edge_runtime.bridge.cloud.llm import Llm
from edge_runtime.bridge.cloud.recent import RecentReplies
from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.mqtt.broker import BrokerSettings
from edge_runtime.bridge.mqtt.connection import Connection
from edge_runtime.bridge.protocol.cancels import read_cancel
from edge_runtime.bridge.protocol.message import Message
from edge_runtime.bridge.protocol.parts import ReplyPart, reply_part_message
from edge_runtime.bridge.protocol.presence import is_online
from edge_runtime.bridge.protocol.route import JSON
from edge_runtime.bridge.protocol.topics import (
    ANY_ESCALATION,
    ANY_ESCALATION_CANCEL,
    WORKER_GROUP,
    NodeTopics,
    check_name,
    node_of_cancel,
    node_of_escalation,
    worker_of,
    worker_status,
)
from edge_runtime.bridge.protocol.trace import trace_in
from edge_runtime.errors import EdgeError, UnavailableError
from edge_runtime.messages import PROTOCOL_VERSION, ErrorInfo, Escalation, Reply, decode, encode

_log = logging.getLogger(__name__)

_WAITING_PER_CALL = 4
_RETRY_AFTER_S = 2.0
_REPLY_EXPIRY_S = 3600
_BUSY = ErrorInfo("503", "unavailable", "the worker is busy", _RETRY_AFTER_S)
_STOPPING = ErrorInfo("503", "unavailable", "the worker stops; ask another one", 0.1)
_FAILED = ErrorInfo("500", "internal", "the worker failed; see its log")


class Worker:
    """Takes its share of all escalations and asks the LLM, with ``concurrency`` calls at once.

    It retries nothing: what it cannot do now it reports, and the node asks again. Nodes get their
    turn one after the other. On MQTT 3.1.1, which has no shared subscriptions, every worker gets
    every escalation. ``answering`` holds its limits; ``drain_s`` is how long calls under way may
    take when it stops; every ``announce_s`` it says again that it is there.

    Several processes may have one ``name``, and are one worker to everybody else; ``process`` then
    tells them apart. One that stops or is killed says that the worker is gone, and the others say
    at once that it is not.

    Raises:
        ConfigError: the name or a certificate file cannot be used.
    """

    def __init__(  # noqa: PLR0913 - all but two are keywords
        self,
        settings: BrokerSettings,
        llm: Llm,
        *,
        name: str,
        process: str = "",
        concurrency: int = 4,
        answering: Answering | None = None,
        drain_s: float = 5.0,
        announce_s: float = 30.0,
    ) -> None:
        self._llm = llm
        self._name = check_name(name, "worker")
        self._address = settings.address
        self._answering = answering or Answering(llm)
        self._drain_s = drain_s
        self._announce_s = announce_s
        self._stopping = threading.Event()
        self._queue = FairQueue(concurrency * _WAITING_PER_CALL)
        self._recent = RecentReplies()
        self._lock = threading.Lock()
        self._under_way: dict[Key, Asked] = {}
        self._threads = [
            threading.Thread(target=self._run, name="llm", daemon=True) for _ in range(concurrency)
        ]
        self._announcer = threading.Thread(target=self._announce, name="announce", daemon=True)
        share = f"$share/{WORKER_GROUP}/" if settings.protocol == "5" else ""
        self._connection = Connection(
            settings,
            client_id="-".join(filter(None, ("edge-worker", name, process))),
            on_message=self._received,
            # whoever has the escalation has to hear of a cancel, so that is not shared
            subscriptions={
                share + ANY_ESCALATION: 1,
                ANY_ESCALATION_CANCEL: 1,
                worker_status(name): 1,
            },
            will=self._status("offline"),
            on_ready=self._ready,
        )

    def start(self, timeout_s: float | None = None) -> None:
        """Go online; without a timeout keep trying in the background.

        Raises:
            UnavailableError: the broker cannot be used within the timeout.
        """
        for thread in (*self._threads, self._announcer):
            thread.start()
        try:
            self._connection.start(timeout_s)
        except UnavailableError:
            self.stop()
            raise

    def stop(self) -> None:
        """Say goodbye, give back what waits, and finish what is under way if it ends in time."""
        self._stopping.set()
        self._announcer.join()
        goodbye = self._status("offline")
        if self._connection.is_ready:
            self._publish(goodbye)
        for asked in self._queue.close():
            self._refuse(asked, _STOPPING)
        give_up_at = time.monotonic() + self._drain_s
        for thread in self._threads:
            thread.join(max(0.0, give_up_at - time.monotonic()))
        self._connection.stop(goodbye)
        self._answering.close()

    def _status(self, status: str) -> Message:
        price = self._llm.price
        fields = {
            "v": PROTOCOL_VERSION,
            "status": status,
            "llm": self._llm.name,
            "price_usd_per_million": None
            if price is None
            else {"prompt": price.prompt_usd, "generation": price.generation_usd},
        }
        return Message(
            topic=worker_status(self._name),
            payload=msgspec.json.encode(fields),
            retain=True,
            content_type=JSON,
        )

    # network thread: look, hand over, return

    def _ready(self) -> None:
        self._connection.publish(self._status("online"))
        _log.info("ready: worker %s at %s", self._name, self._address)

    def _received(self, message: Message) -> None:
        # acknowledged at once: the node's own timeout takes care of what this worker loses
        self._connection.acknowledge(message)
        if (node := node_of_cancel(message.topic)) is not None:
            self._cancel(node, message)
        elif (node := node_of_escalation(message.topic)) is not None and not message.retain:
            self._escalated(node, message)
        elif worker_of(message.topic) == self._name:
            self._said_of_us(message)

    def _said_of_us(self, message: Message) -> None:
        """Say that the worker is there, when another process of it has said that it is gone."""
        if not (self._stopping.is_set() or is_online(message.payload)):
            self._publish(self._status("online"))

    def _escalated(self, node: str, message: Message) -> None:
        try:
            escalation = decode(message.payload, Escalation)
            bytes.fromhex(escalation.id)
        except (EdgeError, ValueError) as exc:
            _log.warning("an escalation of node %s is not valid: %s", node, exc)
            if message.correlation is not None:
                error = ErrorInfo("400", "bad_request", str(exc))
                self._send(node, Reply(id=message.correlation.hex(), error=error))
            return
        trace = trace_in(message, escalation.traceparent)
        escalation = msgspec.structs.replace(escalation, traceparent=trace)
        asked = Asked(node, escalation, _expires(escalation, message))
        with self._lock:
            known = self._under_way.get(asked.key)
            if known is not None:
                known.expires = asked.expires  # the node asks again, so it still waits
                return
            given = self._recent.find(asked.key)
            if given is None:
                self._under_way[asked.key] = asked
        if given is not None:
            self._send(node, given)
        elif (refused := self._queue.put(asked)) is not None:
            self._refuse(refused, _BUSY)

    def _cancel(self, node: str, message: Message) -> None:
        cancel = read_cancel(message.payload)
        if cancel is None:
            return
        with self._lock:
            asked = self._under_way.get((node, cancel.id))
            if asked is None:
                return
            asked.cancelled.set()
            if self._queue.remove(asked.key):
                del self._under_way[asked.key]
        _log.info("node %s: cancelled", node)

    # threads of its own

    def _announce(self) -> None:
        """Say again what is retained: brokers lose that, and not every cluster replicates it."""
        while not self._stopping.wait(self._announce_s):
            if self._connection.is_ready:
                self._publish(self._status("online"))

    def _run(self) -> None:
        while (asked := self._queue.get()) is not None:
            reply: Reply | None
            try:
                send_part = partial(self._part, asked, secrets.token_hex(4))
                reply = self._answering.answer(asked, send_part)
            except Exception as exc:  # noqa: BLE001 - the next escalation is not to blame
                log_failure(_log, "an escalation could not be answered", exc)
                reply = Reply(id=asked.escalation.id, error=_FAILED)
            self._done(asked, reply)

    def _part(self, asked: Asked, stream: str, seq: int, delta: str) -> None:
        part = ReplyPart(asked.escalation.id, seq, delta, stream)
        self._publish(reply_part_message(NodeTopics(asked.node), part))

    def _done(self, asked: Asked, reply: Reply | None) -> None:
        with self._lock:
            self._under_way.pop(asked.key, None)
            if reply is not None:
                self._recent.keep(asked.key, reply)
        if reply is None:
            _log.info("node %s: nobody waits any more", asked.node)
            return
        error = reply.error
        said = "answered" if error is None else f"{error.code} {error.type}"
        trace = asked.escalation.traceparent
        _log.info("node %s: %s%s", asked.node, said, f", trace {trace}" if trace else "")
        self._send(asked.node, reply)

    # any thread

    def _refuse(self, asked: Asked, error: ErrorInfo) -> None:
        with self._lock:
            self._under_way.pop(asked.key, None)
        self._send(asked.node, Reply(id=asked.escalation.id, error=error))

    def _send(self, node: str, reply: Reply) -> None:
        self._publish(
            Message(
                # from the topic that the broker let the node publish on, not from what it says
                topic=NodeTopics(node).replies,
                payload=encode(reply),
                correlation=bytes.fromhex(reply.id),
                expiry_s=_REPLY_EXPIRY_S,
                content_type=JSON,
            )
        )

    def _publish(self, message: Message) -> None:
        try:
            self._connection.publish(message)
        except EdgeError as exc:
            _log.warning("a message on %s cannot be sent: %s", message.topic, exc)


def _expires(escalation: Escalation, message: Message) -> float | None:
    """Return when nobody waits any more: the expiry of the message, or the query's deadline."""
    deadline_s = None if escalation.deadline_ms is None else escalation.deadline_ms / 1000
    left = [each for each in (message.expiry_s, deadline_s) if each is not None]
    return time.monotonic() + min(left) if left else None
