"""Topics of the MQTT protocol v1 (DESIGN section 8): built, parsed and checked; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge_runtime.errors import BadRequestError, ConfigError

ROOT = "edge/v1"
WORKERS = "edge/workers"
ANY_WORKER_STATUS = f"{WORKERS}/+/status"
ANY_ESCALATION = f"{ROOT}/+/esc/req"
ANY_ESCALATION_CANCEL = f"{ROOT}/+/esc/cancel"
WORKER_GROUP = "workers"
CLIENTS = "edge/clients"
ANONYMOUS = "anon"

# where a client may ask to be answered; `{node}` and `{client}` are filled in
RESPONSE_PREFIXES = (ROOT + "/{node}/res/{client}", CLIENTS + "/{client}")

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
# control characters, and what MQTT forbids or advises against in a topic
_FORBIDDEN = re.compile("[+#\x00-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_LONGEST_BYTES = 1024


@dataclass(frozen=True)
class NodeTopics:
    """The topics of one node.

    Raises:
        ConfigError: the name is not ``[A-Za-z0-9_-]{1,64}``.
    """

    node: str

    def __post_init__(self) -> None:
        check_name(self.node, "node")

    @property
    def status(self) -> str:
        """Retained ``online`` or ``offline``."""
        return self._under("status")

    @property
    def info(self) -> str:
        """Retained description of the node."""
        return self._under("info")

    @property
    def requests(self) -> tuple[str, str]:
        """Filters for requests, without and with a client."""
        return self._under("req/+"), self._under("req/+/+")

    @property
    def escalations(self) -> str:
        """Where the node asks the workers."""
        return self._under("esc/req")

    @property
    def replies(self) -> str:
        """Where a worker answers the node."""
        return self._under("esc/res")

    @property
    def reply_parts(self) -> str:
        """Where a worker sends its answer in pieces."""
        return self._under("esc/part")

    @property
    def escalation_cancels(self) -> str:
        """Where the node tells the workers that an escalation is not wanted any more."""
        return self._under("esc/cancel")

    @property
    def health(self) -> str:
        """How the node is doing, every 30 s."""
        return self._under("health")

    @property
    def policy_state(self) -> str:
        """Retained policy in force."""
        return self._under("policy/state")

    @property
    def policy_set(self) -> str:
        """Where the owner sends a policy or a part of one."""
        return self._under("policy/set")

    def command(self, name: str) -> str:
        """Where the owner tells the node to do something: pause, flush, reload, update."""
        return self._under(f"cmd/{name}")

    def request_of(self, task: str, client: str) -> str:
        """Where a client asks for a task."""
        return self._under(f"req/{task}/{client}")

    def response(self, client: str) -> str:
        """Where a client is answered that named no (acceptable) topic."""
        return self._under(f"res/{client}")

    def event(self, kind: str) -> str:
        """Facts without the user's text."""
        return self._under(f"evt/{kind}")

    def commands(self, wanted: str) -> str:
        """Return the owner's topic for home commands, with ``{node}`` filled in.

        Raises:
            ConfigError: a wildcard or a control character, or the topic steers something: below a
                node only ``evt`` is left.
        """
        topic = wanted.replace("{node}", self.node)
        if not topic or _FORBIDDEN.search(topic) or len(topic.encode()) > _LONGEST_BYTES:
            raise ConfigError(
                f"commands_topic {wanted!r} is empty, too long, or holds a wildcard or control "
                "character"
            )
        ours = topic.startswith((ROOT, WORKERS)) or _steers_something(topic)
        if ours and not topic.startswith(self.event("")):
            raise ConfigError(
                f"commands_topic {wanted!r} is taken by the protocol; use {self.event('command')} "
                "or a topic of your own"
            )
        return topic

    def request(self, topic: str) -> tuple[str, str] | None:
        """Return task and client of a request topic; None for any other topic.

        Raises:
            BadRequestError: the client's name is not ``[A-Za-z0-9_-]{1,64}``.
        """
        prefix = self._under("req/")
        if not topic.startswith(prefix):
            return None
        task, _, client = topic.removeprefix(prefix).partition("/")
        if "/" not in topic.removeprefix(prefix):
            return task, ANONYMOUS
        if not is_name(client):
            raise BadRequestError(
                f"the client in the topic is {client!r}; use 1 to 64 of A-Z a-z 0-9 _ -"
            )
        return task, client

    def cancel(self, topic: str) -> str | None:
        """Return the client that cancels something on this topic; None for any other topic.

        Raises:
            BadRequestError: the client's name is not ``[A-Za-z0-9_-]{1,64}``.
        """
        if not topic.startswith(self._under("req/cancel")):
            return None
        task, client = self.request(topic) or ("", "")
        return client if task == "cancel" else None

    def response_to(self, wanted: str, client: str, prefixes: tuple[str, ...]) -> str:
        """Return the wanted response topic if this client may have it.

        A prefix allows itself and what lies below it.

        Raises:
            BadRequestError: a wildcard, a control character, a control topic, or no prefix fits.
        """
        if not wanted or _FORBIDDEN.search(wanted) or len(wanted.encode()) > _LONGEST_BYTES:
            raise BadRequestError(
                "the response topic is empty, too long, or holds a wildcard or control character"
            )
        allowed = [prefix.format(node=self.node, client=client) for prefix in prefixes]
        fits = any(wanted == each or wanted.startswith(f"{each}/") for each in allowed)
        if not fits or _steers_something(wanted):
            raise BadRequestError(
                f"the response topic {wanted!r} is not allowed; use one of {', '.join(allowed)} "
                "or a topic below it"
            )
        return wanted

    def _under(self, rest: str) -> str:
        return f"{ROOT}/{self.node}/{rest}"


def is_name(name: str) -> bool:
    """Whether a node, client or worker may have this name."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str, what: str) -> str:
    """Return the name.

    Raises:
        ConfigError: not ``[A-Za-z0-9_-]{1,64}``.
    """
    if not is_name(name):
        raise ConfigError(f"{what} name {name!r} is not valid; use 1 to 64 of A-Z a-z 0-9 _ -")
    return name


def worker_status(worker: str) -> str:
    """Retained presence of a worker."""
    return f"{WORKERS}/{worker}/status"


def worker_of(topic: str) -> str | None:
    """Return the worker whose presence is published on this topic."""
    return _between(topic, f"{WORKERS}/", "/status")


def node_of_escalation(topic: str) -> str | None:
    """Return the node that escalates on this topic."""
    return _between(topic, f"{ROOT}/", "/esc/req")


def node_of_cancel(topic: str) -> str | None:
    """Return the node that withdraws an escalation on this topic."""
    return _between(topic, f"{ROOT}/", "/esc/cancel")


def _between(topic: str, start: str, end: str) -> str | None:
    if not (topic.startswith(start) and topic.endswith(end)):
        return None
    name = topic[len(start) : -len(end)]
    return name if is_name(name) else None


def _steers_something(topic: str) -> bool:
    """Whether a message on this topic could be taken for a command, whatever is configured."""
    parts = topic.split("/")
    if parts[0] == "homeassistant" or parts[0].startswith("$") or parts[:2] == WORKERS.split("/"):
        return True
    # below a node only its responses; this leaves out cmd, req, esc, policy, status, info and evt
    return parts[:2] == ROOT.split("/") and (len(parts) < 5 or parts[3] != "res")  # noqa: PLR2004
