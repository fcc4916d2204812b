"""A worker without a large model: for trying things out, and for seeing what would be sent."""

from __future__ import annotations

from edge_runtime.bridge.cloud.prompt import Prompt
from edge_runtime.bridge.cloud.written import FREE, Price
from edge_runtime.messages import Escalation, Reply

INSPECT = "inspect"


class Inspect:
    """Needs no LLM: replies with exactly what one would have received."""

    name = INSPECT
    price: Price | None = FREE

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt

    def __call__(self, escalation: Escalation) -> Reply:
        """Return the messages, labelled as such."""
        messages = [f"--- {role} ---\n{content}" for role, content in self._prompt(escalation)]
        label = "[inspect: no LLM was asked; this is what one would have received]"
        return Reply(
            id=escalation.id,
            text="\n".join([label, *messages]),
            model=INSPECT,
            finish_reason="stop",
            verbatim=True,
        )

    def close(self) -> None:
        """Nothing is open."""
