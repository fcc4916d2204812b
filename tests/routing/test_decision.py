from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bundles.manifest import Calibration
from edge_runtime.errors import OverBudgetError, UnavailableError
from edge_runtime.messages import RequestPolicy
from edge_runtime.routing.budget import Account, Limits, Spent
from edge_runtime.routing.decision import Decision, Question, decide
from edge_runtime.routing.gates import Conditions, Gates
from edge_runtime.routing.leaving import held, may_still_leave
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.routing.rules import Facts, Rule
from tests.routing import policies
from tests.routing.policies import CALIBRATION, HEAD, LABELS

NOON = Conditions(minute=12 * 60)


def question(
    label: str = "weather",
    confidence: float = 0.9,
    calibration: Calibration | None = CALIBRATION,
    **facts: object,
) -> Question:
    return Question(Facts(intent=label, **facts), confidence, HEAD, calibration, ["en"])  # type: ignore[arg-type]


def decided(asked: Question, owner: OwnerPolicy | None = None, privacy: str = "redact") -> Decision:
    return decide(asked, owner or OwnerPolicy(), RequestPolicy(privacy=privacy))  # type: ignore[arg-type]


@given(policies.questions, policies.owners, policies.requests, policies.conditions,
       policies.accounts)  # fmt: skip
def test_under_privacy_local_nothing_ever_leaves(
    asked: Question,
    owner: OwnerPolicy,
    request: RequestPolicy,
    conditions: Conditions,
    accounts: list[Account],
) -> None:
    decision = held(decide(asked, owner, request), owner, conditions, accounts)
    wanted = {owner.privacy, request.privacy, decision.policy.privacy}
    assert not ("local" in wanted and decision.escalate)


@given(policies.questions, policies.owners, policies.requests, policies.requests)
def test_no_request_gets_out_what_the_owner_keeps_in(
    asked: Question, owner: OwnerPolicy, one: RequestPolicy, other: RequestPolicy
) -> None:
    plain = decide(asked, owner, RequestPolicy())
    for request in (one, other):
        decision = decide(asked, owner, request)
        assert plain.escalate or not decision.escalate
        assert (plain.outcome == "deny") == (decision.outcome == "deny")


@given(policies.questions, policies.owners, policies.requests, policies.conditions,
       policies.accounts)  # fmt: skip
def test_the_same_input_gives_the_same_decision(
    asked: Question,
    owner: OwnerPolicy,
    request: RequestPolicy,
    conditions: Conditions,
    accounts: list[Account],
) -> None:
    decisions = [held(decide(asked, owner, request), owner, conditions, accounts) for _ in range(2)]
    assert decisions[0] == decisions[1]


@given(policies.questions, policies.owners, policies.requests, policies.rules)
def test_one_more_rule_never_lets_out_what_stayed_unless_it_says_always(
    asked: Question, owner: OwnerPolicy, request: RequestPolicy, rule: Rule
) -> None:
    more = msgspec.structs.replace(owner, rules=(*owner.rules, rule))
    if not decide(asked, owner, request).escalate and rule.escalate != "always":
        assert not decide(asked, more, request).escalate


@given(policies.questions, policies.owners, policies.conditions, policies.accounts)
def test_gates_and_budgets_only_hold_back(
    asked: Question, owner: OwnerPolicy, conditions: Conditions, accounts: list[Account]
) -> None:
    before = decide(asked, owner, RequestPolicy())
    after = held(before, owner, conditions, accounts)
    assert after.outcome == before.outcome or (before.outcome, after.outcome) == (
        "escalate",
        "hold",
    )
    assert (after.refusal is not None) == (after.outcome == "hold")
    for account in accounts:
        if account.limits.cost_usd is not None:
            assert after.policy.max_cost_usd is not None
            assert 0 <= after.policy.max_cost_usd <= account.cost_left_usd


@given(policies.questions, policies.owners, policies.requests, policies.conditions,
       policies.accounts)  # fmt: skip
def test_every_rule_gate_and_budget_is_a_step(
    asked: Question,
    owner: OwnerPolicy,
    request: RequestPolicy,
    conditions: Conditions,
    accounts: list[Account],
) -> None:
    decision = held(decide(asked, owner, request), owner, conditions, accounts)
    kinds = [step.kind for step in decision.steps]
    assert kinds.count("rule") == len(owner.rules)
    assert kinds.count("budget") >= len(accounts)
    assert kinds.count("outcome") == 1
    assert kinds[-1] == "outcome"
    assert decision.steps[-1].said.startswith(decision.outcome)
    assert decision.reasons


def test_a_sure_answer_stays_here_and_carries_the_guarantee() -> None:
    decision = decided(question(confidence=0.81))
    assert (decision.outcome, decision.sure) == ("answer", True)
    assert decision.guarantee is not None
    assert decision.guarantee.n == 1200
    assert decision.reasons == ["confidence 0.81 >= 0.80"]


def test_an_unsure_answer_escalates() -> None:
    decision = decided(question(confidence=0.79))
    assert decision.escalate
    assert decision.reasons == ["confidence 0.79 < 0.80"]


@pytest.mark.parametrize("label", ["oos", "definition"])
def test_out_of_scope_and_generative_intents_escalate_however_sure(label: str) -> None:
    assert decided(question(label, 1.0)).escalate


@given(st.sampled_from(LABELS), st.floats(0, 1), st.none() | st.just(CALIBRATION))
def test_an_unsure_answer_under_privacy_local_has_no_guarantee(
    label: str, confidence: float, calibration: Calibration | None
) -> None:
    decision = decided(question(label, confidence, calibration), privacy="local")
    assert not decision.escalate
    if decision.outcome == "guess":
        assert decision.guarantee is None
        assert "nothing left the device" in decision.reasons[-1]


def test_a_stricter_owner_than_the_calibration_gets_no_guarantee_from_it() -> None:
    strict = OwnerPolicy(max_local_error=0.02)
    decision = decided(question(confidence=0.985), strict)
    assert decision.outcome == "answer"
    assert decision.guarantee is None
    assert decided(question(confidence=0.97), strict).escalate


def test_a_head_whose_calibration_failed_is_never_sure() -> None:
    unproven = Calibration(["margin"], [1.0], 0.0, 0.05, 0.05, 1200, None, 0.0, 0.6, "dev")
    assert decided(question(confidence=0.999, calibration=unproven)).escalate


def test_a_text_in_another_language_has_confidence_0_and_says_so() -> None:
    decision = decided(question(confidence=0.99, language="de"))
    assert (decision.escalate, decision.confidence) == (True, 0.0)
    assert decision.reasons == ["language de is none of the bundle's"]
    private = decided(question(confidence=0.99, language="de"), privacy="local")
    assert (private.outcome, private.guarantee) == ("guess", None)


@pytest.mark.parametrize("language", ["en", "en-GB", "unknown", None])
def test_a_language_that_is_known_or_cannot_be_told_changes_nothing(language: str | None) -> None:
    assert decided(question(language=language)).sure


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (Rule(intent=("weather",), deny=True), "deny"),
        (Rule(intent=("weather",), escalate="always"), "escalate"),
        (Rule(intent=("time",), escalate="always"), "answer"),
        (Rule(command=("x",), escalate="always"), "answer"),  # only presumed
        (Rule(privacy="local", escalate="always"), "answer"),
    ],
)
def test_rules_speak_before_the_confidence(rule: Rule, outcome: str) -> None:
    decision = decided(question(), OwnerPolicy(rules=(rule,)))
    assert decision.outcome == outcome


def test_never_keeps_an_unsure_answer_here() -> None:
    owner = OwnerPolicy(rules=(Rule(name="mine", escalate="never"),))
    decision = decided(question(confidence=0.1), owner)
    assert decision.outcome == "guess"
    assert decision.reasons[0] == "rule 'mine': escalate never"


def test_a_spent_budget_speaks_louder_than_a_closed_gate() -> None:
    owner = OwnerPolicy(gates=Gates(quiet_hours=("11:00-13:00",)))
    spent = Account("local", "day", Limits(requests=5), Spent(0.0, 5), 3_600.0)
    decision = held(decided(question(confidence=0.1), owner), owner, NOON, [spent])
    assert decision.refusal is not None
    error = decision.refusal.error()
    assert isinstance(error, OverBudgetError)
    assert (error.code, error.retry_after_s) == ("429", 86_400 - 3_600)
    gated = held(decided(question(confidence=0.1), owner), owner, NOON, [])
    assert gated.refusal is not None
    error = gated.refusal.error()
    assert isinstance(error, UnavailableError)
    assert (error.code, error.retry_after_s) == ("503", 3_600)


@given(policies.questions, policies.owners, policies.owners, policies.requests)
def test_what_was_allowed_to_leave_still_may_under_the_same_policy_only(
    asked: Question, owner: OwnerPolicy, other: OwnerPolicy, request: RequestPolicy
) -> None:
    decision = decide(asked, owner, request)
    if not decision.escalate:
        return
    privacy = decision.policy.privacy
    assert may_still_leave(asked.facts, privacy, owner) is None
    refusal = may_still_leave(asked.facts, privacy, other)
    again = decide(asked, other, request)
    if again.outcome == "deny" or again.policy.escalate == "never":
        assert refusal is not None
        assert refusal.error().code == "403"
    if other.privacy == "local":
        assert refusal is not None


def test_a_new_rule_keeps_what_waits_where_it_cannot_be_told_whether_it_matches() -> None:
    owner = OwnerPolicy(rules=(Rule(about=("health",), privacy="local"),))
    assert may_still_leave(Facts(intent="weather"), "redact", owner) is not None
    assert may_still_leave(Facts(nearness={"health": 0.0}), "redact", owner) is None
