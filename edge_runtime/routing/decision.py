"""The decision: answer here, or ask the large model; with every step to it in words.

DESIGN section 9, in its order: policy and rules, the confidence of the own answer, then gates and
budgets. All of it is a function of its arguments.

Every command loads this room before it answers, so its records are structs: a class of these is
made in a thirtieth of the half millisecond that a dataclass takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from edge_runtime.bundles.manifest import Calibration, Head
from edge_runtime.messages import Guarantee, Privacy, RequestPolicy
from edge_runtime.routing.budget import Account
from edge_runtime.routing.gates import Conditions, check_gates
from edge_runtime.routing.policy import EffectivePolicy, OwnerPolicy, effective, is_stricter, under
from edge_runtime.routing.refusal import Refusal
from edge_runtime.routing.rules import UNKNOWN, Facts, Match, label_of, match

Outcome = Literal["answer", "guess", "escalate", "hold", "deny"]
"""``answer`` is sure; ``guess`` may not be asked about; ``hold`` may be, but not now."""

Kind = Literal[
    "owner", "request", "rule", "policy", "language", "confidence", "gate", "budget", "outcome"
]


class Step(msgspec.Struct, frozen=True):
    """One thing that was looked at; ``speaks`` is whether it had a say in the outcome."""

    kind: Kind
    said: str
    speaks: bool = True


class Question(msgspec.Struct, frozen=True):
    """What the bundle makes of a text; ``languages`` are those it has learned, none: any."""

    facts: Facts
    confidence: float
    head: Head
    calibration: Calibration | None = None
    languages: Sequence[str] = ()


class Decision(msgspec.Struct, frozen=True):
    """``guarantee`` is set when the local answer stands under the bundle's calibration.

    ``reasons`` are what whoever asked is told, ``steps`` all that was looked at. ``refusal`` is
    why nobody may be asked now.
    """

    outcome: Outcome
    policy: EffectivePolicy
    confidence: float
    reasons: list[str]
    steps: list[Step]
    guarantee: Guarantee | None = None
    refusal: Refusal | None = None

    @property
    def escalate(self) -> bool:
        """Whether the large model is to be asked, now or when it is possible again."""
        return self.outcome in {"escalate", "hold"}

    @property
    def sure(self) -> bool:
        """Whether the local answer counts as right."""
        return self.outcome == "answer"


def decide(question: Question, owner: OwnerPolicy, asked: RequestPolicy) -> Decision:
    """Decide from the head's own answer; gates and budgets come after, in ``held``."""
    steps = [Step("owner", effective(owner, RequestPolicy()).said())]
    if asked != RequestPolicy():
        steps.append(Step("request", _said(asked)))
    policy, ruled = _under_rules(owner, effective(owner, asked), question.facts, steps)
    steps.append(Step("policy", policy.said()))
    # a promise of 5 % is none to an owner who asks for 2 %
    known = question.calibration
    proven = known if known and known.alpha <= policy.max_local_error else None
    sure, confidence, reason = _judged(question, proven, policy, steps)
    outcome, why = _outcome(policy, sure=sure)
    steps.append(Step("outcome", f"{outcome}: {why}"))
    reasons = [*ruled, reason]
    if outcome in {"guess", "deny"} or (sure and outcome == "escalate"):
        reasons.append(why)
    return Decision(
        outcome=outcome,
        policy=policy,
        confidence=confidence,
        reasons=reasons,
        steps=steps,
        guarantee=_guarantee(proven) if outcome == "answer" else None,
    )


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


def may_still_leave(facts: Facts, privacy: Privacy, owner: OwnerPolicy) -> Refusal | None:
    """Return why an escalation that was made under a privacy may not leave any more, if so.

    It may have waited for days, and the owner may have thought again meanwhile.
    """
    policy, _ = _under_rules(owner, effective(owner, RequestPolicy()), facts, [])
    if policy.denied_by is not None:
        return Refusal(f"the policy changed: {policy.denied_by} refuses it", by="policy")
    if policy.escalate == "never":
        return Refusal("the policy changed: a rule says never to ask", by="policy")
    if is_stricter(policy.privacy, privacy):
        return Refusal(f"the policy changed: privacy {policy.privacy}", by="policy")
    return None


def allowed_cost_usd(policy: EffectivePolicy, accounts: Sequence[Account]) -> float | None:
    """Return what an answer may cost: no more than is left of any budget; None for no limit."""
    left = [each.cost_left_usd for each in accounts if each.limits.cost_usd is not None]
    costs = left if policy.max_cost_usd is None else [policy.max_cost_usd, *left]
    return min(costs, default=None)


def _under_rules(
    owner: OwnerPolicy, policy: EffectivePolicy, facts: Facts, steps: list[Step]
) -> tuple[EffectivePolicy, list[str]]:
    """Return the policy as the rules make it, and those that changed it in words."""
    ruled: list[str] = []
    for number, rule in enumerate(owner.rules, 1):
        label = label_of(rule, number)
        found = match(rule, label, facts)
        if not isinstance(found, Match):
            steps.append(Step("rule", f"{label} does not match: {found}", speaks=False))
            continue
        stricter = under(policy, found)
        speaks = stricter != policy
        said = f"{label} matches ({found.why}): {rule.effects()}"
        steps.append(Step("rule", said if speaks else f"{said}; no change", speaks))
        if speaks:
            ruled.append(f"{label}: {rule.effects()}")
        policy = stricter
    return policy, ruled


def _judged(
    question: Question, proven: Calibration | None, policy: EffectivePolicy, steps: list[Step]
) -> tuple[bool, float, str]:
    """Return whether the answer is sure, its confidence, and why in words."""
    foreign = _foreign(question)
    confidence = 0.0 if foreign else question.confidence
    if question.languages:
        spoken = question.facts.language or UNKNOWN
        known = ", ".join(question.languages)
        steps.append(Step("language", f"{spoken}; the bundle knows {known}", foreign))
    sure, said = _sure(confidence, proven, policy)
    label, head = question.facts.intent or "", question.head
    needs_large = _needs_large(label, head)
    steps.append(Step("confidence", said, not needs_large and not foreign))
    if foreign:
        return False, confidence, f"language {question.facts.language} is none of the bundle's"
    if needs_large:
        steps.append(Step("confidence", needs_large))
        return False, confidence, needs_large
    return sure, confidence, said


def _outcome(policy: EffectivePolicy, *, sure: bool) -> tuple[Outcome, str]:
    if policy.denied_by is not None:
        return "deny", f"{policy.denied_by} refuses it"
    if sure and policy.escalate != "always":
        return "answer", "sure"
    if policy.privacy == "local":
        stays = "privacy local: best guess, nothing left the device"
        return ("answer", stays) if sure else ("guess", stays)
    if policy.escalate == "never":
        return "guess", "a rule says never to ask: best guess, nothing left the device"
    return "escalate", "a rule says always to ask" if sure else "not sure"


def _foreign(question: Question) -> bool:
    language = question.facts.language
    if not language or language == UNKNOWN or not question.languages:
        return False
    return _main(language) not in {_main(each) for each in question.languages}


def _main(language: str) -> str:
    return language.replace("_", "-").partition("-")[0].lower()


def _needs_large(label: str, head: Head) -> str | None:
    if label == head.out_of_scope:
        return "out of scope for the local model"
    if label in head.needs_large_model:
        return f"intent {label} needs the large model"
    return None


def _sure(
    confidence: float, proven: Calibration | None, policy: EffectivePolicy
) -> tuple[bool, str]:
    if proven is None:
        return _compared(confidence, 1 - policy.max_local_error, " (no guarantee)")
    if proven.threshold is None:
        return False, f"confidence {confidence:.2f}, but no threshold passed calibration"
    return _compared(confidence, proven.threshold)


def _compared(confidence: float, threshold: float, note: str = "") -> tuple[bool, str]:
    sign = ">=" if confidence >= threshold else "<"
    return confidence >= threshold, f"confidence {confidence:.2f} {sign} {threshold:.2f}{note}"


def _guarantee(proven: Calibration | None) -> Guarantee | None:
    return Guarantee(proven.alpha, proven.delta, proven.n) if proven else None


def _said(asked: RequestPolicy) -> str:
    fields = {name: getattr(asked, name) for name in asked.__struct_fields__}
    return ", ".join(f"{name} {value}" for name, value in fields.items() if value is not None)
