"""What a large model is asked: the redacted text, and what the small model found out; pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from edge_runtime.messages import Candidate, Context, Escalation

Prompt = Callable[[Escalation], list[tuple[str, str]]]
"""Returns the (role, content) pairs that a model is sent; raises EdgeError."""

_SYSTEM = """\
You answer a question that a small language model on a device passed on to you.
Placeholders in angle brackets such as <PERSON_1> stand for something private. Where your answer \
needs them, repeat them exactly as they are, with their number and brackets; use no others, and \
never guess what they stand for.\
"""
_PLAIN = "Answer in plain text, briefly, in the language of the question."
_JSON = """\
Answer with one JSON value only, without any text or code fence around it. It has to fit this JSON \
schema:
"""
_TONES = {
    "negative": "The user seems upset: be calm and helpful, and do not make light of it.",
    "positive": "The user seems glad: a friendly tone fits.",
}
_SURE_TONE = 0.8


def build_messages(escalation: Escalation) -> list[tuple[str, str]]:
    """Return (role, content) pairs: ``system``, the turns of the session, the ``user``'s text.

    What the user said, now or before, stands in turns of its own and never in the system prompt,
    except for names that the small model marked.
    """
    return conversation(escalation, system_prompt(escalation))


def conversation(escalation: Escalation, system: str) -> list[tuple[str, str]]:
    """Return the messages with this system prompt."""
    turns: list[tuple[str, str]] = [(turn.role, turn.text) for turn in escalation.context.history]
    return [("system", system), *turns, ("user", escalation.text)]


def system_prompt(escalation: Escalation) -> str:
    """Return the system prompt: the rules, and what the small model found out."""
    context = escalation.context
    parts = [rules(context)]
    if escalation.lang:
        parts.append(f"Language of the question: {escalation.lang}")
    found = reading(context)
    if found:
        lines = "\n".join(f"- {line}" for line in found)
        parts.append(f"The small model's reading, which may be wrong:\n{lines}")
    if said := tone(context):
        parts.append(said)
    return "\n\n".join(parts)


def rules(context: Context) -> str:
    """Return what every answer has to keep to: placeholders, and its form."""
    if context.schema is None:
        return f"{_SYSTEM}\n\n{_PLAIN}"
    return f"{_SYSTEM}\n\n{_JSON}{msgspec.json.encode(context.schema).decode()}"


def reading(context: Context) -> list[str]:
    """Return what the small model found, a line each."""
    lines = []
    if context.intents:
        lines.append("intent: " + ", ".join(_candidate(each) for each in context.intents))
    if context.guess is not None:
        lines.append(
            f"its own answer: {context.guess.label}, right with a probability of "
            f"{context.guess.score:.2f}"
        )
    if context.sentiment is not None:
        lines.append(f"sentiment: {_candidate(context.sentiment)}")
    if context.entities:
        entities = (f"{entity.text!r} is {entity.label}" for entity in context.entities)
        lines.append("entities: " + ", ".join(entities))
    return lines


def tone(context: Context) -> str:
    """Return the tone that a sure sentiment asks for, empty if there is none."""
    found = context.sentiment
    return _TONES.get(found.label, "") if found is not None and found.score >= _SURE_TONE else ""


def _candidate(candidate: Candidate) -> str:
    return f"{candidate.label} ({candidate.score:.2f})"
