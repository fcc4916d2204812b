"""What a request took, as OpenAI counts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge_runtime.tasks.text_output import Generation


def usage(generations: Sequence[Generation]) -> dict[str, Any]:
    """Return the tokens of all texts of a request."""
    prompt = sum(made.prompt_tokens for made in generations)
    completion = sum(made.generation_tokens for made in generations)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": sum(made.cached_tokens for made in generations)},
    }
