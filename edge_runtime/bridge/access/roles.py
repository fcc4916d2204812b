"""What each role may read and write (DESIGN section 8); pure.

Every name is the authenticated user name, so nobody can speak as somebody else. A broker's
patterns cannot tell a node from an app; a list of rights for each name can.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from edge_runtime.bridge.protocol.hermes import CLIENT as HERMES_CLIENT
from edge_runtime.bridge.protocol.hermes import QUERY as HERMES_QUERY
from edge_runtime.bridge.protocol.home_assistant import BIRTH, PREFIX, removal_message
from edge_runtime.bridge.protocol.topics import (
    ANY_ESCALATION,
    ANY_ESCALATION_CANCEL,
    ANY_WORKER_STATUS,
    RESPONSE_PREFIXES,
    NodeTopics,
    check_name,
    worker_status,
)

Role = Literal["node", "client", "worker", "operator", "home"]
Access = Literal["read", "write"]

_HERMES_ANSWERS = (
    "hermes/nlu/intentParsed", "hermes/nlu/intentNotRecognized", "hermes/error/nlu",
    "hermes/intent/#",
)  # fmt: skip
_SOME = NodeTopics("__any__")  # stands for every node: see _any


class Right(NamedTuple):
    """Leave to read or write below a topic filter."""

    access: Access
    topic: str


class Extras(NamedTuple):
    """What nodes do beside the protocol: where they publish home commands, and Hermes."""

    commands_topic: str | None = None
    hermes: bool = False


NO_EXTRAS = Extras()


def rights(role: Role, name: str, extras: Extras = NO_EXTRAS) -> list[Right]:
    """Return all that a name may do in its role; what is not in it is forbidden.

    - ``node``: its own topics, and the answers to clients.
    - ``client``: ask every node in its own name, cancel that, and read the answers to it.
    - ``worker``: read escalations, answer them, and say and see that it is there.
    - ``operator``: command nodes, set policies, and read everything but texts.
    - ``home``: Home Assistant or Node-RED, a client that also shows and sets nodes as devices.

    Raises:
        ConfigError: the name, or the topic for commands, is not valid.
    """
    return list(dict.fromkeys(_rights(role, check_name(name, role), extras)))


def _rights(role: Role, name: str, extras: Extras) -> list[Right]:
    if role == "node":
        return _node(NodeTopics(name), extras)
    if role == "client":
        return _client(name)
    if role == "worker":
        return _worker(name)
    if role == "operator":
        return [*_overseer(), *_write(_any(_SOME.command("#"))), *_forget()]
    return [*_client(name), *_overseer(), *_home(extras)]


def _node(topics: NodeTopics, extras: Extras) -> list[Right]:
    found = _read(
        *topics.requests, topics.replies, topics.reply_parts,
        topics.command("#"), topics.policy_set, ANY_WORKER_STATUS, BIRTH,
    ) + _write(
        topics.status, topics.info, topics.health, topics.event("#"), topics.policy_state,
        topics.escalations, topics.escalation_cancels, removal_message(topics).topic,
        *(f"{prefix.format(node=topics.node, client='+')}/#" for prefix in RESPONSE_PREFIXES),
    )  # fmt: skip
    if extras.hermes:
        found += _read(HERMES_QUERY, topics.response(HERMES_CLIENT))
        found += _write(*_HERMES_ANSWERS, topics.request_of("+", HERMES_CLIENT))
    if extras.commands_topic is not None:
        commands = topics.commands(extras.commands_topic)
        found += [right for right in _write(commands) if not commands.startswith(topics.event(""))]
    return found


def _client(name: str) -> list[Right]:
    return _write(_any(_SOME.request_of("+", name))) + _read(
        *(f"{prefix.format(node='+', client=name)}/#" for prefix in RESPONSE_PREFIXES),
        _any(_SOME.status),
        _any(_SOME.info),
    )


def _worker(name: str) -> list[Right]:
    return _read(ANY_ESCALATION, ANY_ESCALATION_CANCEL, worker_status(name)) + _write(
        _any(_SOME.replies), _any(_SOME.reply_parts), worker_status(name)
    )


def _overseer() -> list[Right]:
    """Return leave to see how nodes and workers are, and to set policies."""
    facts = (_SOME.status, _SOME.info, _SOME.health, _SOME.event("#"), _SOME.policy_state)
    return [
        *_read(*map(_any, facts), ANY_WORKER_STATUS),
        *_write(_any(_SOME.policy_set)),
    ]


def _forget() -> list[Right]:
    """Return leave to remove what a node that is gone has left on the broker."""
    left = (_SOME.status, _SOME.info, _SOME.policy_state, removal_message(_SOME).topic)
    return _write(*map(_any, left))


def _home(extras: Extras) -> list[Right]:
    commands = [_any(_SOME.command(name)) for name in ("pause", "flush", "update")]
    found = _read(f"{PREFIX}/#") + _write(BIRTH, *commands)
    if extras.commands_topic is not None:
        found += _read(_any(_SOME.commands(extras.commands_topic)))
    return found


def _any(topic: str) -> str:
    """Return the topic of some node as the filter for all nodes."""
    return "/".join("+" if _SOME.node in level else level for level in topic.split("/"))


def _read(*topics: str) -> list[Right]:
    return [Right("read", topic) for topic in topics]


def _write(*topics: str) -> list[Right]:
    return [Right("write", topic) for topic in topics]
