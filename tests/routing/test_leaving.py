"""What keeps an escalation back after it was decided: private parts, and second thoughts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.messages import RequestPolicy
from edge_runtime.routing.decision import Decision, Question, decide
from edge_runtime.routing.leaving import blocked, may_still_leave
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.routing.redaction.kinds import IDENTIFYING, SHARED
from edge_runtime.routing.rules import Facts
from tests.routing import policies

UNSURE = Question(Facts(intent="oos"), 0.1, policies.HEAD, policies.CALIBRATION, ["en"])
kinds = st.frozensets(st.sampled_from(sorted(IDENTIFYING | SHARED)), max_size=4)


def decided(owner: OwnerPolicy) -> Decision:
    return decide(UNSURE, owner, RequestPolicy())


@given(policies.questions, policies.owners, policies.requests, kinds)
def test_a_text_with_a_blocked_kind_never_leaves_and_no_other_is_kept_back(
    asked: Question, owner: OwnerPolicy, request: RequestPolicy, found: frozenset[str]
) -> None:
    before = decide(asked, owner, request)
    after = blocked(before, found)
    is_blocked = any(before.policy.on(kind) == "block" for kind in found)
    assert after.escalate == (before.escalate and not is_blocked)
    if before.escalate and is_blocked:
        assert after.outcome == "guess"
        assert "the policy blocks" in after.reasons[-1]
        assert after.steps[-1].kind == "outcome"


def test_what_is_done_with_each_kind_is_a_step() -> None:
    owner = OwnerPolicy(redaction={"CARD": "redact", "PLACE": "redact"})
    found = blocked(decided(owner), {"PERSON", "PLACE", "DATE"})
    [step] = [each for each in found.steps if each.kind == "redaction"]
    assert step.said == "found: keep DATE; redact PERSON, PLACE"
    assert not step.speaks


def test_a_waiting_escalation_stays_once_the_owner_redacts_or_blocks_what_is_in_it() -> None:
    facts = Facts(intent="oos")
    for choice in ("redact", "block"):
        owner = OwnerPolicy(redaction={"PLACE": choice})
        refusal = may_still_leave(facts, "redact", owner, {"PLACE": "keep"})
        assert refusal is not None
        assert refusal.said == f"the policy changed: {choice} PLACE"
        assert may_still_leave(facts, "redact", owner, {"PERSON": "redact"}) is None


@pytest.mark.parametrize(("difficulty", "said"), [(0.7, "the stronger"), (0.2, "the cheaper")])
def test_the_predicted_difficulty_is_a_step(difficulty: float, said: str) -> None:
    asked = Question(
        UNSURE.facts, 0.1, policies.HEAD, policies.CALIBRATION, ["en"], difficulty=difficulty
    )
    [silent] = [e for e in decide(asked, OwnerPolicy(), RequestPolicy()).steps
                if e.kind == "difficulty"]  # fmt: skip
    assert not silent.speaks
    owner = OwnerPolicy(strong_above=0.5)
    [step] = [e for e in decide(asked, owner, RequestPolicy()).steps if e.kind == "difficulty"]
    assert step.speaks
    assert f"{said} model is to answer" in step.said


def test_a_question_about_what_was_said_before_is_never_answered_here() -> None:
    sure = Question(Facts(intent="weather"), 0.99, policies.HEAD, policies.CALIBRATION, ["en"])
    assert decide(sure, OwnerPolicy(), RequestPolicy()).outcome == "answer"
    following = Question(
        sure.facts, 0.99, policies.HEAD, policies.CALIBRATION, ["en"], follows=True
    )
    decision = decide(following, OwnerPolicy(), RequestPolicy())
    assert (decision.outcome, decision.confidence, decision.guarantee) == ("escalate", 0.0, None)
    assert "said before" in decision.reasons[-1]
