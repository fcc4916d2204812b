"""What is sent: requests of every shape, all else that a node listens to, and what is no MQTT."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

ESCALATION = "$escalation"  # in a reply: the id that a worker was asked under last
_LEAST_EXPIRY_S = 60  # so that a request that nobody has answered is no expired one
_LIMIT = 256 * 1024
_ONE_IN_20 = 19
_TRUE = st.sampled_from([True])
_SIZES = (64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, _LIMIT - 1, _LIMIT, _LIMIT + 1, 300_000)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One message. A request is ``identified`` by its correlation or, in JSON, by its id.

    ``raw`` is sent in place of all else. ``is_odd`` says that the broker may end the connection.
    """

    is_v5: bool = True
    topic: bytes = b""
    body: bytes | dict[str, Any] = b""
    qos: int = 1
    retain: bool = False
    content_type: bytes | None = None
    response_topic: bytes | None = None
    expiry_s: int | None = None
    user: tuple[tuple[bytes, bytes], ...] = ()
    is_identified: bool = False
    client: str | None = None
    properties: bytes | None = None
    raw: bytes | None = field(default=None, repr=False)
    is_odd: bool = False


def cases(node: str) -> st.SearchStrategy[Case]:
    """Return a strategy for the messages that a node may get."""
    root = f"edge/v1/{node}"
    request = _requests(root)
    return st.integers(0, 99).flatmap(
        lambda number: request if number < 60 else _others(root) if number < 85 else _odd(root)  # noqa: PLR2004 - percent
    )


# a topic or property that a broker passes on: no control characters, wildcards or strays
_plain = st.characters(exclude_categories=("Cc", "Cs", "Cn"), exclude_characters="+#/")
_words = st.sampled_from(
    ["turn on the light", "why is it dark?", "please refuse", "write one two three", "", " \n",
     "\u202eabc", "null", "{", "[1]", '"x"', "a\x00b", "\ufeffhi", "\U0001f3e0" * 9, "%s%n{0}$x"]
)  # fmt: skip
_texts = st.one_of(_words, st.text(max_size=60))
# what JSON has no word for would hide the id that tells a request apart
_floats = st.floats(allow_nan=False, allow_infinity=False)
_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), _floats, _texts,
    st.sampled_from([10**400, -(2**63), 2**64, 1e308, -0.0, 5e-324]),
)  # fmt: skip
_json = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(_texts, inner, max_size=4)
    ),
    max_leaves=8,
)
_schema = st.sampled_from(
    [{"type": "object"}, True, {"$ref": "#"}, {"pattern": "(a+)+$"}, {"allOf": [{"$ref": "#"}]}]
)
_options = st.dictionaries(
    st.sampled_from(["stream", "priority", "schema", "max_tokens", "labels", "x"]),
    st.one_of(_json, _schema, _TRUE),
    max_size=3,
)
_policy = st.fixed_dictionaries(
    {},
    optional={
        "privacy": st.one_of(st.sampled_from(["local", "redact", "cloud"]), _json),
        "when_offline": st.one_of(st.sampled_from(["local", "queue", "fail"]), _json),
        "deadline_ms": st.one_of(st.integers(1, 10_000), _scalars),
        "max_cost_usd": st.one_of(st.floats(0, 1), _scalars),
    },
)
_bodies = st.fixed_dictionaries(
    {"text": st.one_of(_words, _words, _json)},
    optional={
        "v": st.one_of(st.just(1), _scalars),
        "task": _scalars,
        "lang": st.one_of(st.sampled_from(["en", "de"]), _scalars),
        "session": st.one_of(st.just("s"), _scalars),
        "client": _scalars,
        "reply_to": st.one_of(st.sampled_from(["#", "edge/clients/app/x"]), _scalars),
        "options": st.one_of(_options, _json),
        "policy": st.one_of(_policy, _json),
        "traceparent": _scalars,
    },
)
_content_types = st.one_of(
    st.none(), st.none(),
    st.sampled_from([b"application/json", b"text/plain", b"TEXT/PLAIN; charset=x", b"image/png"]),
    st.text(_plain, max_size=9).map(str.encode),
)  # fmt: skip
_tasks = st.one_of(
    st.sampled_from(["ask", "ask", "ask", "write", "classify", "none"]),
    st.text(_plain, min_size=1, max_size=9),
)
_clients = st.one_of(
    st.sampled_from(["app", "app", "tv", "x" * 64]), st.text(_plain, min_size=1, max_size=9)
)
_expiries = st.one_of(st.none(), st.none(), st.integers(_LEAST_EXPIRY_S, 2**32 - 1))
_user = st.lists(
    st.tuples(
        st.sampled_from([b"traceparent", b"status", b"", b"x"]),
        st.one_of(
            st.just(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            st.text(_plain, max_size=9).map(str.encode),
        ),
    ),
    max_size=2,
).map(tuple)


def _response_topics(root: str) -> st.SearchStrategy[bytes | None]:
    named = st.sampled_from(
        [f"{root}/res/app", f"{root}/res/app/in", "edge/clients/app", "edge/clients/tv/x",
         f"{root}/cmd/pause", f"{root}/req/ask/app", f"{root}/esc/req", "homeassistant/status",
         f"{root}/res/app/../../cmd/pause", f"{root}/status", "$SYS/x", "edge/workers/w/status"]
    )  # fmt: skip
    return st.one_of(st.none(), st.none(), named, st.text(_plain, min_size=1, max_size=12)).map(
        lambda topic: None if topic is None else topic.encode()
    )


def _requests(root: str) -> st.SearchStrategy[Case]:
    """Return requests that a broker passes on, each of which has to be answered."""
    return st.builds(
        _request,
        st.just(root),
        _tasks,
        _clients,
        is_v5=st.booleans(),
        body=st.one_of(
            _bodies,
            _bodies,
            _texts.map(lambda text: text.encode(errors="surrogatepass")),
            st.binary(max_size=60),
            _json.map(lambda value: json.dumps(value).encode()),
            st.sampled_from(
                [
                    b"[" * 100_000,
                    b'{"text":' * 50_000,
                    b'{"text":"x","text":5}',
                    b'{"text":NaN}',
                    b'{"text":"x","lang":-Infinity}',
                ]
            ),
            st.sampled_from(_SIZES).flatmap(
                lambda size: st.sampled_from([b"a" * size, b"{" + b" " * size, b"\xff" * size])
            ),
        ),
        qos=st.sampled_from([0, 1, 1]),
        retain=st.integers(0, 19).map(_ONE_IN_20.__eq__),
        content_type=_content_types,
        response_topic=_response_topics(root),
        expiry_s=_expiries,
        user=_user,
    )


def _request(root: str, task: str, client: str, **fields: Any) -> Case:  # noqa: ANN401 - of Case
    is_identified = fields["is_v5"] or isinstance(fields["body"], dict)
    topic = f"{root}/req/{task}/{client}".encode()
    is_cancel = task == "cancel"
    return Case(topic=topic, client=client, is_identified=is_identified and not is_cancel, **fields)


def _others(root: str) -> st.SearchStrategy[Case]:
    """Return messages on every other topic that a node reads."""
    topics = [
        f"{root}/req/cancel/app", f"{root}/cmd/pause", f"{root}/cmd/flush", f"{root}/cmd/reload",
        f"{root}/cmd/update", f"{root}/cmd/nothing", f"{root}/policy/set", f"{root}/esc/res",
        f"{root}/esc/res", f"{root}/esc/res", f"{root}/esc/part", "edge/workers/w/status",
        "edge/workers/x x/status", "homeassistant/status", "hermes/nlu/query", f"{root}/req/ask",
    ]  # fmt: skip
    error = st.fixed_dictionaries(
        {"code": st.one_of(st.just("503"), _texts), "type": _texts, "message": _texts},
        optional={"retry_after_s": _scalars},
    )
    reply = st.fixed_dictionaries(
        {"id": st.one_of(st.just(ESCALATION), st.just(ESCALATION), _texts)},
        optional={
            "text": _texts, "model": _texts, "cost_usd": _scalars, "error": st.one_of(error, _json),
            "prompt_tokens": _scalars, "verbatim": st.booleans(), "seq": _scalars, "delta": _texts,
        },
    )  # fmt: skip
    steering = st.fixed_dictionaries(
        {},
        optional={
            "id": _scalars, "paused": st.one_of(st.booleans(), _json), "patch": _json,
            "status": st.sampled_from(["online", "offline", 5]), "input": _texts, "siteId": _texts,
            "privacy": _scalars, "budget": _json, "intentFilter": _json,
        },
    )  # fmt: skip
    toml = st.sampled_from([b"privacy = 'local'\n", b"[[[", b"a = " + b"[" * 20_000, b"x." * 9999])
    return st.builds(
        Case,
        is_v5=st.booleans(),
        topic=st.sampled_from(topics).map(str.encode),
        body=st.one_of(
            reply, steering, st.binary(max_size=40), toml,
            st.sampled_from([b"", b"online", b"offline", b"[" * 50_000, b"{}" * 10]),
        ),
        content_type=_content_types,
        response_topic=_response_topics(root),
        expiry_s=_expiries,
        user=_user,
    )  # fmt: skip


def _odd(root: str) -> st.SearchStrategy[Case]:
    """Return what breaks the rules of MQTT, in a field or altogether."""
    names = st.one_of(
        st.binary(max_size=20),
        st.text(max_size=20).map(lambda text: text.encode(errors="surrogatepass")),
        st.sampled_from([b"\xed\xa0\x80", b"\xef\xbb\xbf", b"a\x00b", b"+", b"#", b"\xff" * 9]),
    )
    prefix = st.sampled_from([f"{root}/req/ask/", f"{root}/req/", f"{root}/cmd/", ""])
    topics = st.builds(lambda start, name: start.encode() + name, prefix, names)
    fields = st.builds(
        Case,
        topic=topics,
        body=st.just(b"hi"),
        qos=st.sampled_from([0, 1]),
        response_topic=st.one_of(st.none(), names),
        content_type=st.one_of(st.none(), names),
        user=st.lists(st.tuples(names, names), max_size=2).map(tuple),
        is_odd=_TRUE,
    )
    properties = st.builds(
        Case,
        topic=st.just(f"{root}/req/ask/app".encode()),
        body=st.just(b"hi"),
        properties=st.binary(max_size=30),
        is_odd=_TRUE,
    )
    raw = st.builds(Case, is_v5=st.booleans(), raw=st.binary(min_size=1, max_size=40), is_odd=_TRUE)
    return st.one_of(fields, properties, raw)
