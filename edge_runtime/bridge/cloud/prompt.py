"""What a large model is asked: the redacted text, and what the small model found out; pure."""

from __future__ import annotations

import msgspec

from edge_runtime.messages import Candidate, Context, Escalation

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
    context = escalation.context
    parts = [_SYSTEM, _PLAIN]
    if context.schema is not None:
        parts[-1] = _JSON + msgspec.json.encode(context.schema).decode()
    if escalation.lang:
        parts.append(f"Language of the question: {escalation.lang}")
    found = _context(context)
    if found:
        parts.append("The small model's reading, which may be wrong:\n" + "\n".join(found))
    tone = context.sentiment
    if tone is not None and tone.score >= _SURE_TONE and tone.label in _TONES:
        parts.append(_TONES[tone.label])
    turns: list[tuple[str, str]] = [(turn.role, turn.text) for turn in context.history]
    return [("system", "\n\n".join(parts)), *turns, ("user", escalation.text)]


def _context(context: Context) -> list[str]:
    lines = []
    if context.intents:
        lines.append("- intent: " + ", ".join(_candidate(each) for each in context.intents))
    if context.guess is not None:
        lines.append(
            f"- its own answer: {context.guess.label}, right with a probability of "
            f"{context.guess.score:.2f}"
        )
    if context.sentiment is not None:
        lines.append(f"- sentiment: {_candidate(context.sentiment)}")
    if context.entities:
        entities = (f"{entity.text!r} is {entity.label}" for entity in context.entities)
        lines.append("- entities: " + ", ".join(entities))
    return lines


def _candidate(candidate: Candidate) -> str:
    return f"{candidate.label} ({candidate.score:.2f})"
