"""What the owner tells the node over the broker: commands, and the policy."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from edge_runtime.assistant.governing.policy_desk import PolicyState
from edge_runtime.bridge.failures import log_failure
from edge_runtime.bridge.protocol.events import event_message
from edge_runtime.bridge.protocol.message import Message, Sender
from edge_runtime.bridge.protocol.route import JSON
from edge_runtime.bridge.protocol.topics import NodeTopics
from edge_runtime.errors import BadRequestError, EdgeError, UnavailableError
from edge_runtime.messages import PROTOCOL_VERSION

_log = logging.getLogger(__name__)

_LOOK_S = 10.0  # whether the owner's file is another
_MOST_WAITING = 100
_LONGEST_SHOWN = 64

Command = Callable[[bytes], None]
"""Does what it is for, given the payload; raises EdgeError where that cannot be done."""


class Policies(Protocol):
    """Where the policy is set; ``assistant.governing.policy_desk.PolicyDesk`` is the one."""

    def state(self) -> PolicyState:
        """Return the policy in force."""

    def set(self, document: bytes) -> None:
        """Put a policy in force; raises EdgeError."""


def _no_update(_payload: bytes) -> None:
    raise UnavailableError("nothing here updates the node; use the package or image it came with")


@dataclass(frozen=True)
class Steering:
    """What can be steered besides the queue: the policy, settings that are read again, updates."""

    policies: Policies | None = None
    reload: Callable[[], None] = lambda: None
    update: Command = _no_update


class Control:
    """A companion: ``cmd/*`` and ``policy/set``, one after the other on a thread of its own.

    ``changed`` is called after each; a retained message is refused, since it would come again at
    every start.
    """

    def __init__(
        self,
        topics: NodeTopics,
        commands: Mapping[str, Command],
        policies: Policies | None,
        changed: Callable[[], None],
    ) -> None:
        self._topics = topics
        self._commands = commands
        self._policies = policies
        self._changed = changed
        self._prefix = topics.command("")
        self._waiting: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._sender: Sender | None = None
        self._told: PolicyState | None = None

    @property
    def subscriptions(self) -> Mapping[str, int]:
        """Commands, and policies."""
        return {self._topics.command("+"): 1, self._topics.policy_set: 1}

    def start(self, sender: Sender) -> None:
        """Begin to work."""
        self._sender = sender
        self._thread.start()

    def connected(self) -> None:
        """Publish the policy in force: the broker may have lost it."""
        self._told = None
        self._waiting.put(Message(topic=""))

    def lost(self) -> None:
        """Do nothing: what was said is done all the same."""

    def received(self, message: Message) -> bool:
        """Take a command or a policy."""
        if not (message.topic.startswith(self._prefix) or message.topic == self._topics.policy_set):
            return False
        if self._waiting.qsize() < _MOST_WAITING:
            self._waiting.put(message)
        else:
            _log.error("%s is dropped: too many commands wait", message.topic)
            self._acknowledge(message)
        return True

    def stop(self) -> None:
        """Finish what is under way."""
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                message = self._waiting.get(timeout=_LOOK_S)
            except queue.Empty:
                self._tell_policy()
                continue
            if message is None:
                return
            if message.topic == self._topics.policy_set:
                self._set_policy(message)
            elif message.topic:
                self._obey(message)
            self._tell_policy()
            self._acknowledge(message)

    def _obey(self, message: Message) -> None:
        name = message.topic.removeprefix(self._prefix)[:_LONGEST_SHOWN]
        error = None
        try:
            _check_not_retained(message)
            command = self._commands.get(name)
            if command is None:
                raise BadRequestError(f"no such command; there are {', '.join(self._commands)}")  # noqa: TRY301
            command(message.payload)
        except EdgeError as exc:
            error = str(exc)
        except Exception as exc:  # noqa: BLE001 - the owner is told, whatever happens
            log_failure(_log, f"the command {name} failed", exc)
            error = "it failed; see the node's log"
        self._tell("cmd", {"cmd": name, "ok": error is None, "error": error})
        self._changed()

    def _set_policy(self, message: Message) -> None:
        try:
            _check_not_retained(message)
            if self._policies is None:
                raise UnavailableError("this node has no policy that could be set")  # noqa: TRY301
            self._policies.set(message.payload)
        except EdgeError as exc:
            self._tell("policy-refused", {"error": str(exc)})
        except RecursionError:
            self._tell("policy-refused", {"error": "it is nested too deeply"})
        except Exception as exc:  # noqa: BLE001 - the next message is not to blame
            log_failure(_log, "a policy could not be read", exc)
            self._tell("policy-refused", {"error": "it cannot be read; see the node's log"})
        self._changed()

    def _tell_policy(self) -> None:
        """Publish the policy in force if that has not been said."""
        if self._policies is None or self._sender is None or not self._sender.is_ready:
            return
        state = self._policies.state()
        if state == self._told:
            return
        payload = msgspec.json.encode({"v": PROTOCOL_VERSION, **msgspec.structs.asdict(state)})
        self._publish(
            Message(
                topic=self._topics.policy_state, payload=payload, retain=True, content_type=JSON
            )
        )
        self._told = state

    def _tell(self, kind: str, facts: Mapping[str, object]) -> None:
        _log.warning("%s: %s", kind, facts)
        self._publish(event_message(self._topics, kind, facts))

    def _publish(self, message: Message) -> None:
        if self._sender is None:
            return
        try:
            self._sender.publish(message)
        except EdgeError as exc:
            _log.warning("%s", exc)

    def _acknowledge(self, message: Message) -> None:
        if self._sender is not None:
            self._sender.acknowledge(message)


def _check_not_retained(message: Message) -> None:
    if message.retain:
        raise BadRequestError("it must not be retained; publish it without retain")


class _Pause(msgspec.Struct):
    paused: bool = True


def read_pause(payload: bytes) -> bool:
    """Return whether ``cmd/pause`` means pause or go on.

    Raises:
        BadRequestError: the payload is neither empty nor ``{"paused":…}``.
    """
    if not payload.strip():
        return True
    try:
        return msgspec.json.decode(payload, type=_Pause).paused
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise BadRequestError(f'the payload is not like {{"paused":true}}: {exc}') from exc
