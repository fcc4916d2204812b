"""What of a session goes along with the next question: its last turns, within a limit; pure."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.assistant.memory.sessions import Exchange, Session
from edge_runtime.messages import Turn
from edge_runtime.routing.policy import EffectivePolicy
from edge_runtime.routing.redaction.forms import kind_and_number
from edge_runtime.routing.redaction.restoring import restore

_CUT = "\u2026"


def history(
    session: Session,
    policy: EffectivePolicy,
    count_tokens: Callable[[str], int],
    most_tokens: int,
) -> list[Turn]:
    """Return the last turns, oldest first, in at most so many tokens.

    They are as strict as the policy: under ``redact`` all are redacted; under ``cloud`` those that
    were asked under ``cloud`` go as they were, and stricter ones stay. So do those for which
    another choice of kinds held. Whole exchanges are dropped, the oldest first; of the last one,
    what is too long is cut.
    """
    if policy.privacy == "local":
        return []
    kept = policy.kept
    plain = {n: v for n, v in session.placeholders.items() if kind_and_number(n)[0] in kept}
    if policy.privacy == "cloud" and not policy.own_redactions:
        plain = session.placeholders
    exchanges = [_restored(each, plain) for each in session.exchanges if _fits(each, policy)]
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


def _fits(exchange: Exchange, policy: EffectivePolicy) -> bool:
    privacy, _, redactions = exchange.terms.partition(": ")
    return redactions == policy.own_redactions and privacy in {policy.privacy, "cloud"}


def _restored(exchange: Exchange, placeholders: dict[str, str]) -> Exchange:
    asked, answered = (restore(t, placeholders) for t in (exchange.asked, exchange.answered))
    return Exchange(asked, answered, exchange.terms)


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
