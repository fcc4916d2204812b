"""``ask`` without its command line: the whole pipeline for each text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import msgspec

from edge_runtime.cli.answering import answer_all, open_assistant
from edge_runtime.cli.escalate import escalation_route
from edge_runtime.errors import BadRequestError, EdgeError
from edge_runtime.messages import Request, RequestPolicy
from edge_runtime.settings import Settings


def ask_all(
    texts: Iterable[str | EdgeError],
    settings: Settings,
    policy: Mapping[str, object],
    bundle: str | None,
    *,
    session: str | None = None,
    as_json: bool,
    brief: bool = False,
) -> None:
    """Answer every text here when sure, else ask the large model as the policy allows.

    Fields of ``policy`` that are None are left to the owner. ``session`` names the conversation
    that the texts belong to. ``brief`` as for ``open_assistant``.

    Raises:
        BadRequestError: the policy is not one.
        BundleError: the bundle cannot be used.
        ConfigError: the settings of the endpoint or the broker are wrong.
    """
    given = {name: value for name, value in policy.items() if value is not None}
    try:
        asked = msgspec.convert(given, RequestPolicy)
    except msgspec.ValidationError as exc:
        raise BadRequestError(f"policy: {exc}") from exc
    assistant = open_assistant(settings, bundle, brief=brief)

    from edge_runtime.assistant.asking import ask

    answer = partial(ask, assistant, escalate=escalation_route(settings))
    request = Request(text="", task="ask", session=session, policy=asked)
    answer_all(texts, request, answer, as_json=as_json)
