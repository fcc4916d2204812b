"""What an endpoint wrote, whole or in pieces, and the reply that it makes; pure."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.bridge.cloud.llm_errors import unavailable
from edge_runtime.messages import MAX_TEXT_BYTES, ErrorInfo, Reply

_BYTES_PER_TOKEN = 4  # of most texts in most vocabularies


@dataclass(frozen=True)
class Price:
    """Dollars per million tokens."""

    prompt_usd: float
    generation_usd: float

    def cost_usd(self, prompt_tokens: int, generation_tokens: int) -> float:
        """Return what a call costs."""
        total = prompt_tokens * self.prompt_usd + generation_tokens * self.generation_usd
        return total / 1_000_000


FREE = Price(0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Written:
    """The text, and what the endpoint says of it; None where it said nothing.

    With an ``error`` the text is what came before it: it is of no use, and may have cost money.
    """

    text: str
    prompt_bytes: int
    model: str = ""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    generation_tokens: int | None = None
    error: ErrorInfo | None = None

    def reply(self, escalation_id: str, price: Price, took_ms: float) -> Reply:
        """Return the reply; tokens that the endpoint did not count are estimated.

        An answer that no node takes (empty, or over ``MAX_TEXT_BYTES``) is an error that says what
        it cost.
        """
        read = _or_estimate(self.prompt_tokens, self.prompt_bytes)
        wrote = _or_estimate(self.generation_tokens, len(self.text.encode(errors="replace")))
        error = self.error or _unusable(self.text)
        return Reply(
            id=escalation_id,
            text="" if error else self.text,
            model=self.model,
            cost_usd=price.cost_usd(read, wrote),
            prompt_tokens=read,
            generation_tokens=wrote,
            finish_reason=self.finish_reason,
            cloud_ms=round(took_ms, 3),
            error=error,
        )


def _or_estimate(counted: int | None, size_bytes: int) -> int:
    return -(-size_bytes // _BYTES_PER_TOKEN) if counted is None else max(0, counted)


def _unusable(text: str) -> ErrorInfo | None:
    if not text:
        return unavailable("the LLM's answer is empty")
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        return unavailable("the LLM's answer is not valid")
    if size_bytes <= MAX_TEXT_BYTES:
        return None
    # final: asked again, it would be paid again
    said = f"the LLM's answer has {size_bytes} bytes, and {MAX_TEXT_BYTES} are allowed"
    return ErrorInfo("413", "too_large", said)
