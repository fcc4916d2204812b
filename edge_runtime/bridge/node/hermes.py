"""Hermes queries as requests of the node itself."""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from edge_runtime.bridge.protocol.hermes import (
    CLIENT,
    QUERY,
    Query,
    answer_messages,
    error_message,
    read_query,
    request_message,
)
from edge_runtime.bridge.protocol.message import Message, Sender
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.errors import BadRequestError, EdgeError, UnavailableError
from edge_runtime.messages import Answer, error_info

_log = logging.getLogger(__name__)

_MOST_OPEN = 1000


class Hermes:
    """A companion that answers ``hermes/nlu/query`` of some sites; None: of every site.

    It asks over the broker as the client ``hermes``, so a query waits, expires and counts as any
    other request does. All of it runs on the network thread.
    """

    def __init__(self, topics: NodeTopics, sites: frozenset[str] | None = None) -> None:
        self._topics = topics
        self._sites = sites
        self._answers = topics.response(CLIENT)
        self._open: OrderedDict[str, Query] = OrderedDict()
        self._sender: Sender | None = None

    @property
    def subscriptions(self) -> Mapping[str, int]:
        """The queries, and the node's answers to them."""
        return {QUERY: 1, self._answers: 1}

    def start(self, sender: Sender) -> None:
        """Keep the way out."""
        self._sender = sender

    def connected(self) -> None:
        """Do nothing: whoever has a question sends it."""

    def lost(self) -> None:
        """Do nothing: answers under way come when the broker is back."""

    def received(self, message: Message) -> bool:
        """Take a query, or the node's answer to one."""
        if message.topic == QUERY:
            self._asked(message)
        elif message.topic == self._answers:
            self._answered(message)
        else:
            return False
        return True

    def stop(self) -> None:
        """Do nothing: no dialogue outlasts the node."""

    def _asked(self, message: Message) -> None:
        if message.retain:
            self._drop(message, "a Hermes query must not be retained")
            return
        try:
            query = read_query(message.payload)
        except BadRequestError as exc:
            self._drop(message, str(exc))
            return
        if self._sites is not None and query.site_id not in self._sites:
            self._acknowledge(message)
            return
        if len(self._open) >= _MOST_OPEN:
            _, oldest = self._open.popitem(last=False)
            self._say([error_message(oldest, error_info(UnavailableError("too many queries")))])
        request_id = f"{CLIENT}-{secrets.token_hex(8)}"
        self._open[request_id] = query
        try:
            self._publish(request_message(query, self._topics, request_id), message)
        except EdgeError as exc:
            del self._open[request_id]
            self._say([error_message(query, error_info(exc))], message)

    def _answered(self, message: Message) -> None:
        try:
            answer = msgspec.json.decode(message.payload, type=Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._drop(message, "an answer for Hermes is not valid")
            return
        if answer.status == "queued" or answer.id not in self._open:
            self._acknowledge(message)  # not final, or not ours any more
            return
        self._say(list(answer_messages(self._open.pop(answer.id), answer)), message)

    def _say(self, messages: list[Message], dealt_with: Message | None = None) -> None:
        """Publish what can be published; a dialogue does not wait for the rest."""
        *first, last = messages
        try:
            for each in first:
                self._publish(each)
            self._publish(last, dealt_with)
        except EdgeError as exc:
            _log.warning("Hermes is not told: %s", exc)
            if dealt_with is not None:
                self._acknowledge(dealt_with)

    def _publish(self, message: Message, dealt_with: Message | None = None) -> None:
        """Publish, and acknowledge what was dealt with once the broker has taken it."""
        if self._sender is None:
            return
        if dealt_with is None:
            self._sender.publish(message)
        else:
            self._sender.publish(message, lambda _code: self._acknowledge(dealt_with))

    def _drop(self, message: Message, why: str) -> None:
        _log.warning("%s: dropped", why)
        self._acknowledge(message)

    def _acknowledge(self, message: Message) -> None:
        if self._sender is not None:
            self._sender.acknowledge(message)
