"""Whether a query that is to escalate may leave: gates, budgets, private parts, second thoughts.

All of it is a function of its arguments.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from edge_runtime.messages import Privacy, Redaction, RequestPolicy
from edge_runtime.routing.budget import Account
from edge_runtime.routing.decision import Decision, Step, under_rules
from edge_runtime.routing.gates import Conditions, check_gates
from edge_runtime.routing.policy import (
    EffectivePolicy,
    OwnerPolicy,
    effective,
    is_stricter,
    stricter_redaction,
)
from edge_runtime.routing.refusal import Refusal
from edge_runtime.routing.rules import Facts


def held(
    decision: Decision, owner: OwnerPolicy, conditions: Conditions, accounts: Sequence[Account]
) -> Decision:
    """Return the decision with every gate and budget; those that refuse hold an escalation back."""
    steps: list[Step] = []
    refusals: list[Refusal] = []
    for gate in check_gates(owner.gates, conditions):
        steps.append(Step("gate", gate.said, gate.refusal is not None))
        refusals += [] if gate.refusal is None else [gate.refusal]
    for account in accounts:
        refusal = account.refusal()
        steps.append(Step("budget", account.said(), refusal is not None))
        refusals += [] if refusal is None else [refusal]
    cost_usd = allowed_cost_usd(decision.policy, accounts)
    if cost_usd != decision.policy.max_cost_usd:
        steps.append(Step("budget", f"at most {cost_usd:.6g} USD are left for this answer"))
    policy = msgspec.structs.replace(decision.policy, max_cost_usd=cost_usd)
    before = [each for each in decision.steps if each.kind != "outcome"]
    last = decision.steps[len(before) :]
    if not refusals or decision.outcome != "escalate":
        return msgspec.structs.replace(decision, policy=policy, steps=[*before, *steps, *last])
    # a gate may open any moment, a budget may not
    refusal = next((each for each in refusals if each.by == "budget"), refusals[0])
    said = f"hold: {refusal.said}; when_offline {policy.when_offline}"
    return msgspec.structs.replace(
        decision,
        outcome="hold",
        policy=policy,
        steps=[*before, *steps, Step("outcome", said)],
        refusal=refusal,
    )


def blocked(decision: Decision, kinds: Collection[str]) -> Decision:
    """Return the decision about a text with private parts of these kinds.

    A single one that may not even leave as a placeholder keeps the text here.
    """
    if not kinds:
        return decision
    policy = decision.policy
    by_action: dict[Redaction, list[str]] = {}
    for kind in sorted(kinds):
        by_action.setdefault(policy.on(kind), []).append(kind)
    found = "; ".join(f"{what} {', '.join(names)}" for what, names in by_action.items())
    stays = ", ".join(by_action.get("block", ()))
    before = [each for each in decision.steps if each.kind != "outcome"]
    last = decision.steps[len(before) :]
    step = Step("redaction", f"found: {found}", speaks=bool(stays))
    if not stays or not decision.escalate:
        return msgspec.structs.replace(decision, steps=[*before, step, *last])
    why = f"the policy blocks {stays}: best guess, nothing left the device"
    return msgspec.structs.replace(
        decision,
        outcome="guess",
        reasons=[*decision.reasons, why],
        steps=[*before, step, Step("outcome", f"guess: {why}")],
        refusal=None,
    )


def may_still_leave(
    facts: Facts,
    privacy: Privacy,
    owner: OwnerPolicy,
    done: Mapping[str, Redaction] | None = None,
) -> Refusal | None:
    """Return why an escalation that was made under a privacy may not leave any more, if so.

    It may have waited for days, and the owner may have thought again meanwhile. ``done`` is what
    was done with each kind of private text in it.
    """
    policy, _ = under_rules(owner, effective(owner, RequestPolicy()), facts, [])
    if policy.denied_by is not None:
        return Refusal(f"the policy changed: {policy.denied_by} refuses it", by="policy")
    if policy.escalate == "never":
        return Refusal("the policy changed: a rule says never to ask", by="policy")
    if is_stricter(policy.privacy, privacy):
        return Refusal(f"the policy changed: privacy {policy.privacy}", by="policy")
    for kind, what in (done or {}).items():
        if stricter_redaction(policy.on(kind), what):
            return Refusal(f"the policy changed: {policy.on(kind)} {kind}", by="policy")
    return None


def allowed_cost_usd(policy: EffectivePolicy, accounts: Sequence[Account]) -> float | None:
    """Return what an answer may cost: no more than is left of any budget; None for no limit."""
    left = [each.cost_left_usd for each in accounts if each.limits.cost_usd is not None]
    costs = left if policy.max_cost_usd is None else [policy.max_cost_usd, *left]
    return min(costs, default=None)
