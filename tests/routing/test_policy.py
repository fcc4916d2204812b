from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.messages import RequestPolicy
from edge_runtime.routing.policy import EffectivePolicy, OwnerPolicy, effective, is_idle, under
from edge_runtime.routing.redaction.kinds import IDENTIFYING, SHARED
from edge_runtime.routing.rules import Facts, Match, Rule, match
from tests.routing import policies
from tests.routing.policies import OFFLINE, PRIVACY, REDACTION


def is_as_strict(one: EffectivePolicy, other: EffectivePolicy) -> bool:
    cost = float("inf") if other.max_cost_usd is None else other.max_cost_usd
    return (
        PRIVACY.index(one.privacy) >= PRIVACY.index(other.privacy)
        and OFFLINE.index(one.when_offline) >= OFFLINE.index(other.when_offline)
        and one.deadline_ms <= other.deadline_ms
        and (float("inf") if one.max_cost_usd is None else one.max_cost_usd) <= cost
        and one.max_local_error <= other.max_local_error
        and all(
            REDACTION.index(one.on(kind)) >= REDACTION.index(other.on(kind))
            for kind in IDENTIFYING | SHARED
        )
    )


@given(policies.owners, policies.requests)
def test_a_request_can_only_make_the_policy_stricter(
    owner: OwnerPolicy, asked: RequestPolicy
) -> None:
    assert is_as_strict(effective(owner, asked), effective(owner, RequestPolicy()))


@given(policies.owners, policies.requests)
def test_what_the_request_asks_for_is_granted_when_it_is_stricter(
    owner: OwnerPolicy, asked: RequestPolicy
) -> None:
    policy = effective(owner, asked)
    if asked.privacy == "local":
        assert policy.privacy == "local"
    if asked.max_cost_usd is not None:
        assert policy.max_cost_usd is not None
        assert policy.max_cost_usd <= asked.max_cost_usd
    for kind, what in asked.redaction.items():
        assert REDACTION.index(policy.on(kind)) >= REDACTION.index(what)
    if asked.privacy == "redact":
        assert not policy.kept & IDENTIFYING


@given(policies.owners, policies.requests, policies.rules)
def test_a_rule_can_only_make_the_policy_stricter(
    owner: OwnerPolicy, asked: RequestPolicy, rule: Rule
) -> None:
    before = effective(owner, asked)
    assert is_as_strict(under(before, Match(rule, "rule", "")), before)


@given(policies.owners, st.lists(policies.rules, max_size=5), st.randoms())
def test_the_order_of_rules_says_nothing(
    owner: OwnerPolicy, rules: list[Rule], rng: random.Random
) -> None:
    matches = [Match(rule, f"rule {number}", "") for number, rule in enumerate(rules)]
    shuffled = rng.sample(matches, len(matches))
    one = other = effective(owner, RequestPolicy())
    for each in matches:
        one = under(one, each)
    for each in shuffled:
        other = under(other, each)
    assert one == other


def test_never_is_stricter_than_always() -> None:
    policy = effective(OwnerPolicy(), RequestPolicy())
    always = Match(Rule(escalate="always"), "a", "")
    never = Match(Rule(escalate="never"), "b", "")
    assert under(policy, always).escalate == "always"
    assert under(under(policy, never), always).escalate == "never"


def test_a_rule_that_is_laxer_than_the_owner_is_idle() -> None:
    owner = OwnerPolicy(privacy="redact", max_cost_usd=0.01)
    assert is_idle(owner, Rule(privacy="cloud", max_cost_usd=0.5))
    assert not is_idle(owner, Rule(privacy="local"))
    assert not is_idle(owner, Rule(privacy="cloud", deny=True))


@given(policies.rules, policies.facts)
def test_a_presumption_never_asks_anybody(rule: Rule, facts: Facts) -> None:
    found = match(rule, "rule", facts)
    if isinstance(found, Match) and found.is_presumed:
        assert found.escalate != "always"


def test_without_a_choice_the_privacy_says_what_is_redacted() -> None:
    assert effective(OwnerPolicy(privacy="redact"), RequestPolicy()).kept == SHARED
    assert effective(OwnerPolicy(privacy="cloud"), RequestPolicy()).kept == IDENTIFYING | SHARED


def test_a_choice_of_the_owner_holds_in_any_privacy_that_sends_something() -> None:
    for privacy in ("redact", "cloud"):
        owner = OwnerPolicy(privacy=privacy, redaction={"CARD": "block", "PLACE": "redact"})
        policy = effective(owner, RequestPolicy())
        assert (policy.on("CARD"), policy.on("PLACE"), policy.blocks) == ("block", "redact", True)
        assert "CARD block, PLACE redact" in policy.said()


def test_an_owner_may_keep_what_identifies_but_no_request_can() -> None:
    owner = OwnerPolicy(redaction={"URL": "keep"})
    assert effective(owner, RequestPolicy()).on("URL") == "keep"
    assert effective(OwnerPolicy(), RequestPolicy(redaction={"URL": "keep"})).on("URL") == "redact"


def test_a_difficulty_asks_for_the_stronger_model_only_where_the_owner_draws_the_line() -> None:
    line = effective(OwnerPolicy(strong_above=0.6), RequestPolicy())
    assert [line.wants_strong(each) for each in (None, 0.59, 0.6)] == [None, False, True]
    assert effective(OwnerPolicy(), RequestPolicy()).wants_strong(0.9) is None
