"""What a large model is asked: the redacted text, and what the small model found out; pure."""

from __future__ import annotations

from edge_runtime.messages import Candidate, Context, Escalation

_SYSTEM = """\
You answer a question that a small language model on a device passed on to you.
Answer in plain text, briefly, in the language of the question.
Placeholders in angle brackets such as <PERSON_1> stand for something private. Where your answer \
needs them, repeat them exactly as they are; never guess what they stand for.\
"""


def build_messages(escalation: Escalation) -> list[tuple[str, str]]:
    """Return (role, content) pairs: a system prompt with the context, and the user's text."""
    parts = [_SYSTEM]
    if escalation.lang:
        parts.append(f"Language of the question: {escalation.lang}")
    found = _context(escalation.context)
    if found:
        parts.append("The small model's reading, which may be wrong:\n" + "\n".join(found))
    return [("system", "\n\n".join(parts)), ("user", escalation.text)]


def _context(context: Context) -> list[str]:
    lines = []
    if context.intents:
        lines.append("- intent: " + ", ".join(_candidate(each) for each in context.intents))
    if context.sentiment is not None:
        lines.append(f"- sentiment: {_candidate(context.sentiment)}")
    if context.entities:
        entities = (f"{entity.text!r} is {entity.label}" for entity in context.entities)
        lines.append("- entities: " + ", ".join(entities))
    return lines


def _candidate(candidate: Candidate) -> str:
    return f"{candidate.label} ({candidate.score:.2f})"
