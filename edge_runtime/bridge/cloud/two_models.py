"""A cheap model for what is easy and a strong one for what is hard, as the small model predicts."""

from __future__ import annotations

from edge_runtime.bridge.cloud.llm import Llm, StreamingLlm, Take
from edge_runtime.bridge.cloud.written import Price
from edge_runtime.messages import Escalation, Reply

STRONG_ABOVE = 0.3  # keeps 97 % of the strong model on MMLU: benchmarks/results/decision

_OVER_BUDGET = "budget"


class TwoModels:
    """Asks ``strong`` from a difficulty of ``strong_above`` on, else ``cheap``.

    What a node's owner says in ``Escalation.strong`` comes first; an escalation without a predicted
    difficulty goes to ``strong``. What would be too dear there is asked of ``cheap``.
    """

    def __init__(self, cheap: Llm, strong: Llm, strong_above: float = STRONG_ABOVE) -> None:
        self._cheap = cheap
        self._strong = strong
        self._strong_above = strong_above

    @property
    def name(self) -> str:
        """What is asked, for people."""
        return f"{self._cheap.name} | {self._strong.name}"

    @property
    def price(self) -> Price | None:
        """The price of the strong model: no answer is dearer than that says."""
        return self._strong.price

    def __call__(self, escalation: Escalation) -> Reply:
        """Ask one of them."""
        if not self._takes_strong(escalation):
            return self._cheap(escalation)
        reply = self._strong(escalation)
        return self._cheap(escalation) if _is_too_dear(reply) else reply

    def stream(self, escalation: Escalation, take: Take) -> Reply:
        """Ask one of them; one that cannot say what it writes while it writes says it at once."""
        if not self._takes_strong(escalation):
            return _streamed(self._cheap, escalation, take)
        reply = _streamed(self._strong, escalation, take)
        return _streamed(self._cheap, escalation, take) if _is_too_dear(reply) else reply

    def close(self) -> None:
        """Close what is open."""
        self._cheap.close()
        self._strong.close()

    def _takes_strong(self, escalation: Escalation) -> bool:
        if escalation.strong is not None:
            return escalation.strong
        difficulty = escalation.context.difficulty
        return difficulty is None or difficulty >= self._strong_above


def _streamed(llm: Llm, escalation: Escalation, take: Take) -> Reply:
    return llm.stream(escalation, take) if isinstance(llm, StreamingLlm) else llm(escalation)


def _is_too_dear(reply: Reply) -> bool:
    """Whether nobody was asked because it might have cost too much."""
    return reply.error is not None and reply.error.type == _OVER_BUDGET
