"""What of a session goes along with the next question: its last turns, within a limit; pure."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.assistant.memory.sessions import Exchange, Session
from edge_runtime.messages import Privacy, Turn
from edge_runtime.routing.redaction.restoring import restore

_CUT = "\u2026"


def history(
    session: Session, privacy: Privacy, count_tokens: Callable[[str], int], most_tokens: int
) -> list[Turn]:
    """Return the last turns, oldest first, in at most so many tokens.

    They are as strict as ``privacy``: under ``redact`` all are redacted; under ``cloud`` those that
    were asked under ``cloud`` go as they were, and stricter ones stay. Whole exchanges are dropped,
    the oldest first; of the last one, what is too long is cut.
    """
    if privacy == "local":
        return []
    exchanges = session.exchanges
    if privacy == "cloud":
        exchanges = [
            _restored(each, session.placeholders) for each in exchanges if each.privacy == "cloud"
        ]
    turns: list[Turn] = []
    left = most_tokens
    for exchange in reversed(exchanges):
        said = _turns(exchange)
        needed = sum(count_tokens(turn.text) for turn in said)
        if needed > left and not turns:
            each = left // len(said)
            said = [Turn(t.role, _cut(t.text, count_tokens, each)) for t in said]
            return [turn for turn in said if turn.text]
        if needed > left:
            break
        left -= needed
        turns = [*said, *turns]
    return turns


def _restored(exchange: Exchange, placeholders: dict[str, str]) -> Exchange:
    asked, answered = (restore(t, placeholders) for t in (exchange.asked, exchange.answered))
    return Exchange(asked, answered, exchange.privacy)


def _turns(exchange: Exchange) -> list[Turn]:
    answered = [Turn("assistant", exchange.answered)] if exchange.answered else []
    return [Turn("user", exchange.asked), *answered]


def _cut(text: str, count_tokens: Callable[[str], int], most_tokens: int) -> str:
    """Return the beginning of a text, cut between words, since placeholders hold no space."""
    if count_tokens(text) <= most_tokens:
        return text
    words = text.split()
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens(f"{' '.join(words[:middle])} {_CUT}") <= most_tokens:
            low = middle
        else:
            high = middle - 1
    return f"{' '.join(words[:low])} {_CUT}" if low else ""
