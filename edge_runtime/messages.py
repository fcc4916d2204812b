"""The messages: one frozen struct each, used in Python, in ``--json`` and on the wire.

Field names are the contract of DESIGN sections 6 and 8. Unknown fields are ignored, so that a
newer peer can add some; a wrong type is an error that names the field.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

from edge_runtime.errors import BadRequestError, EdgeError, TooLargeError

Privacy = Literal["local", "redact", "cloud"]
WhenOffline = Literal["local", "queue", "fail"]
Redaction = Literal["keep", "redact", "block"]
"""What is done with a kind of private text: it leaves, a placeholder does, or nothing at all."""
Kind = Literal[
    "PERSON", "ADDRESS", "ZIP", "COORDINATES", "BIRTHDATE", "EMAIL", "PHONE", "URL", "IP", "MAC",
    "CARD", "IBAN", "SSN", "PASSPORT", "LICENSE", "ID", "SECRET", "PLACE", "ORGANIZATION", "GROUP",
    "TITLE", "DATE", "AGE",
]  # fmt: skip
Status = Literal["ok", "queued", "error"]
Source = Literal["local", "cloud", "cache"]

PROTOCOL_VERSION = 1
MAX_TEXT_BYTES = 64 * 1024
MAX_PAYLOAD_BYTES = 256 * 1024

_TEMPORARY = {"429", "500", "502", "503", "504"}


class RequestPolicy(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a request asks of the routing; the owner's policy can only make it stricter.

    ``deadline_ms`` counts from the arrival at the node, ``max_cost_usd`` is for this one answer;
    ``redaction`` says what is done with kinds of private text.
    """

    privacy: Privacy | None = None
    max_cost_usd: float | None = None
    deadline_ms: int | None = None
    when_offline: WhenOffline | None = None
    redaction: dict[Kind, Redaction] = {}

    def __post_init__(self) -> None:
        if self.max_cost_usd is not None and not 0 <= self.max_cost_usd < float("inf"):
            raise ValueError("max_cost_usd must be 0 or more")
        if self.deadline_ms is not None and self.deadline_ms <= 0:
            raise ValueError("deadline_ms must be positive")


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """One query. On MQTT task and client stand in the topic, which wins over what is said here.

    ``client`` is who asks; ``local`` is a command or program on the device itself.
    """

    text: str
    v: Literal[1] = 1
    id: str = ""
    task: str = "ask"
    lang: str | None = None
    session: str | None = None
    options: dict[str, Any] = {}
    policy: RequestPolicy = RequestPolicy()
    reply_to: str | None = None
    client: str = "local"


class Guarantee(msgspec.Struct, frozen=True):
    """Selective error at most ``alpha`` with certainty ``1 - delta``, shown on ``n`` samples."""

    alpha: float
    delta: float
    n: int


class Timing(msgspec.Struct, frozen=True):
    """Milliseconds spent waiting, inferring, and in the cloud."""

    queue: float = 0.0
    infer: float = 0.0
    cloud: float = 0.0


class ErrorInfo(msgspec.Struct, frozen=True):
    """Why there is no result: ``code`` is the status on the wire, ``type`` a stable name."""

    code: str
    type: str
    message: str
    retry_after_s: float | None = None

    @property
    def is_temporary(self) -> bool:
        """Whether asking again may help: not if the answer would cost too much."""
        return self.code in _TEMPORARY and self.type != "budget"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one request (DESIGN section 6).

    ``traceparent`` is that of the request, left out where it had none.
    """

    id: str
    task: str
    status: Status = "ok"
    source: Source = "local"
    result: dict[str, Any] | None = None
    confidence: float = 0.0
    guarantee: Guarantee | None = None
    reason: list[str] = []
    model: str = ""
    redacted: list[str] = []
    cost_usd: float = 0.0
    ms: Timing = Timing()
    error: ErrorInfo | None = None
    v: Literal[1] = 1
    traceparent: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def code(self) -> str:
        """The user property ``status`` of a response: 200, 202 when queued, else the error's."""
        if self.error is not None:
            return self.error.code
        return "202" if self.status == "queued" else "200"


class Candidate(msgspec.Struct, frozen=True):
    """A label that a head considered, with its probability."""

    label: str
    score: float


class Entity(msgspec.Struct, frozen=True):
    """A span of the text: ``start`` and ``end`` are character offsets, ``end`` exclusive."""

    start: int
    end: int
    label: str
    text: str
    score: float


class Turn(msgspec.Struct, frozen=True):
    """What was said earlier in the session, by the user or by the assistant of the device."""

    role: Literal["user", "assistant"]
    text: str


class Context(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the small model found out before it asked; all texts are redacted.

    ``guess`` is the local best guess: its label, and the confidence that it is a right and
    sufficient answer. ``history`` are the last turns of the session, oldest first. ``schema`` is
    the JSON schema that the answer has to fit. ``difficulty`` of a free question is the probability
    that a small model would answer it wrongly, None where nothing predicts that.
    """

    intents: list[Candidate] = []
    sentiment: Candidate | None = None
    entities: list[Entity] = []
    guess: Candidate | None = None
    history: list[Turn] = []
    schema: dict[str, Any] | bool | None = None
    difficulty: float | None = None


class Escalation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A query on its way to a worker: exactly what leaves the device.

    ``id`` is the correlation, 128 random bits as hex; ``text`` is redacted as the policy says.
    ``stream`` asks for the answer in pieces as well, while it is written. ``strong`` is whether the
    owner wants the stronger of a worker's models for it; None leaves that to the worker.
    ``traceparent`` names the trace of whoever asked, None where there is none.
    """

    id: str
    text: str
    task: str = "ask"
    lang: str | None = None
    session: str | None = None
    context: Context = Context()
    max_cost_usd: float | None = None
    deadline_ms: int | None = None
    stream: bool = False
    strong: bool | None = None
    traceparent: str | None = None
    v: Literal[1] = 1


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A worker's answer to an escalation; ``text`` may hold the placeholders of the redaction.

    They are filled in on the device, unless the text is ``verbatim``: a report of what was sent.
    """

    id: str
    text: str = ""
    model: str = ""
    cost_usd: float = 0.0
    prompt_tokens: int = 0
    generation_tokens: int = 0
    finish_reason: str | None = None
    cloud_ms: float = 0.0
    verbatim: bool = False
    error: ErrorInfo | None = None
    v: Literal[1] = 1


_Message = TypeVar("_Message", bound=Request | Answer | Escalation | Reply)


def encode(message: msgspec.Struct) -> bytes:
    """Return the JSON form, UTF-8, one line."""
    return msgspec.json.encode(message)


def decode(payload: bytes, kind: type[_Message]) -> _Message:
    """Read a message from JSON.

    Raises:
        TooLargeError: the payload is over ``MAX_PAYLOAD_BYTES``.
        BadRequestError: not UTF-8, not JSON, or a field has the wrong type.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise TooLargeError(
            f"the message has {len(payload)} bytes; at most {MAX_PAYLOAD_BYTES} are accepted"
        )
    try:
        return msgspec.json.decode(payload, type=kind)
    except UnicodeDecodeError as exc:
        raise BadRequestError("the message is not valid UTF-8") from exc
    except msgspec.ValidationError as exc:
        raise BadRequestError(f"the {kind.__name__.lower()} is not valid: {exc}") from exc
    except (msgspec.DecodeError, RecursionError) as exc:
        raise BadRequestError(f"the message is not valid JSON: {exc}") from exc


def check_text(text: str) -> str:
    """Return the text if a node accepts it.

    Raises:
        BadRequestError: the text is empty or white space, or holds a lone surrogate.
        TooLargeError: the text is over ``MAX_TEXT_BYTES``.
    """
    if not text.strip():
        raise BadRequestError("the text is empty; send at least one word")
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError as exc:
        raise BadRequestError("the text is not valid Unicode: it holds a lone surrogate") from exc
    if size_bytes > MAX_TEXT_BYTES:
        raise TooLargeError(
            f"the text has {size_bytes} bytes; at most {MAX_TEXT_BYTES} are accepted, "
            "so send it in parts"
        )
    return text


def error_info(error: EdgeError) -> ErrorInfo:
    """Return what an answer says of an error."""
    return ErrorInfo(error.code, error.kind, str(error), error.retry_after_s)


def error_answer(request_id: str, task: str, error: EdgeError) -> Answer:
    """Return the answer that reports an error to whoever asked."""
    info = error_info(error)
    return Answer(id=request_id, task=task, status="error", error=info)
