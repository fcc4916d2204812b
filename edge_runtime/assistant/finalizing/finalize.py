"""From a reply to the answer: checked, mended where that is safe, and filled in; else an error."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from edge_runtime.assistant.finalizing.placeholders import mended
from edge_runtime.assistant.finalizing.signs import clean
from edge_runtime.assistant.pending import Pending
from edge_runtime.errors import UnusableAnswerError
from edge_runtime.messages import MAX_TEXT_BYTES, Answer, Reply, error_info
from edge_runtime.routing.redaction.restoring import restore

Language = Callable[[str, str | None], str | None]
"""Returns the language of a text, given the one that is expected; None where it cannot be told."""

# topics by which something is switched, set or asked for
_TOPIC = re.compile(
    r"(?<![\w/])(?:edge/v1/[\w+-]+/(?:cmd|req|esc|policy)/|homeassistant/[\w/+-]+/(?:set|config)\b)"
)
_LONGEST_MODEL = 200  # characters of a name
_OTHER_LANGUAGE = frozenset({"translate"})  # intents whose answer is in another one


class Final(NamedTuple):
    """The answer, and the reply as it was mended, with its placeholders; None if unusable."""

    answer: Answer
    reply: Reply | None


def finalize(pending: Pending, reply: Reply, language: Language) -> Final:
    """Return the final answer to a reply without an error.

    What was done to it stands in ``reason``. One that cannot be delivered is an error answer, 502,
    with what it cost. A report of what was sent keeps its placeholders.
    """
    guess = pending.guess
    paid = msgspec.structs.replace(
        guess,
        status="ok",
        source="cloud",
        model=clean(reply.model)[0][:_LONGEST_MODEL] or "unknown",
        cost_usd=reply.cost_usd,
        ms=msgspec.structs.replace(guess.ms, cloud=reply.cloud_ms),
    )
    local = guess.result or {}
    try:
        text, result, notes = _checked(pending, reply, language)
    except UnusableAnswerError as exc:
        said = f"the large model's answer cannot be used: {exc}"
        failed = msgspec.structs.replace(
            paid,
            status="error",
            result=None,
            confidence=0.0,
            reason=[*guess.reason, said],
            error=error_info(UnusableAnswerError(said)),
        )
        return Final(failed, None)
    answer = msgspec.structs.replace(
        paid, result={**local, **result}, reason=[*guess.reason, *notes]
    )
    return Final(answer, msgspec.structs.replace(reply, text=text))


def _checked(
    pending: Pending, reply: Reply, language: Language
) -> tuple[str, dict[str, Any], list[str]]:
    """Return the reply's text as mended, the part of the result that it is, and what was done."""
    text, signs = clean(reply.text)
    if not text:
        raise UnusableAnswerError("it is empty")
    notes = [f"control characters taken away: {signs}"] if signs else []
    if reply.verbatim:
        _check_size(text)
        _check_topics(text, pending.escalation.text)
        return text, {"text": text}, notes
    if reply.finish_reason == "length":
        notes.append("the answer was cut off at the large model's limit")
    text, mending = mended(text, pending.placeholders)
    notes += mending
    schema = pending.escalation.context.schema
    result: dict[str, Any]
    if schema is None:
        result = {"text": restore(text, pending.placeholders)}
        notes += _language(pending, text, language)
    else:
        # only such answers need jsonschema's way of checking
        from edge_runtime.assistant.finalizing.json_answer import read_json  # noqa: PLC0415

        value, mending = read_json(text, schema, pending.placeholders)
        notes += mending
        result = {"text": msgspec.json.encode(value).decode(), "json": value}
    _check_size(result["text"])
    _check_topics(text, pending.escalation.text)
    return text, result, notes


def _check_size(text: str) -> None:
    size_bytes = len(text.encode())
    if size_bytes > MAX_TEXT_BYTES:
        raise UnusableAnswerError(f"it has {size_bytes} bytes, and {MAX_TEXT_BYTES} are allowed")


def _check_topics(text: str, asked: str) -> None:
    """Refuse topics that the question did not name: nobody should act on what the cloud names."""
    for match in _TOPIC.finditer(text):
        if match.group() not in asked:
            raise UnusableAnswerError(f"it names the topic {match.group()}")


def _language(pending: Pending, text: str, language: Language) -> list[str]:
    """Return a note on an answer in another language; raise if the request had named its own."""
    escalation = pending.escalation
    intents = escalation.context.intents
    if intents and intents[0].label in _OTHER_LANGUAGE:
        return []
    wanted = escalation.lang or language(escalation.text, None)
    found = language(text, wanted)
    if not wanted or not found or _main(found) == _main(wanted):
        return []
    if escalation.lang:
        raise UnusableAnswerError(f"it is in {found}, and {wanted} was asked for")
    return [f"the answer is in {found}, the question in {wanted}"]


def _main(language: str) -> str:
    return language.replace("_", "-").partition("-")[0].lower()
