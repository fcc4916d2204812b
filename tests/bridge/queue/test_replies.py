from __future__ import annotations

import pytest

from edge_runtime.bridge.queue.replies import as_error, is_busy, plausible
from edge_runtime.messages import ErrorInfo, Reply, error_info


@pytest.mark.parametrize(
    ("said", "kept"), [(None, None), (90.0, 90.0), (-1.0, 0.0), (1e99, 86_400)]
)
def test_a_final_error_says_when_to_ask_again(said: float | None, kept: float | None) -> None:
    error = as_error(ErrorInfo("429", "budget", "the budget is spent", said))
    assert error_info(error) == ErrorInfo("429", "budget", "the budget is spent", kept)


def test_no_number_of_a_reply_is_negative() -> None:
    honest = Reply(id="ab", text="so", cost_usd=0.5, prompt_tokens=7, cloud_ms=3.0)
    assert plausible(honest) == honest
    said = Reply(
        id="ab", text="so", cost_usd=-1e308, prompt_tokens=-1, generation_tokens=-(2**62),
        cloud_ms=-0.1,
    )  # fmt: skip
    assert plausible(said) == Reply(id="ab", text="so")


@pytest.mark.parametrize("code", ["200", "4000", "", "5\n0"])
def test_a_code_that_is_no_error_is_that_of_a_bad_gateway(code: str) -> None:
    error = as_error(ErrorInfo(code, "Not A Kind", "x" * 5000))
    assert (error.code, error.kind, len(str(error))) == ("502", "worker", 2000)


@pytest.mark.parametrize(
    ("code", "kind", "expected"),
    [
        ("429", "rate_limited", True),
        ("503", "unavailable", True),
        ("503", "llm_overloaded", True),
        ("503", "llm_unavailable", False),
        ("500", "internal", False),
    ],
)
def test_a_query_is_not_to_blame_for_a_worker_without_time(
    code: str, kind: str, expected: object
) -> None:
    assert is_busy(ErrorInfo(code, kind, "no")) is expected
