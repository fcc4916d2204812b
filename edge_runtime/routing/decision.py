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
from edge_runtime.messages import Guarantee, RequestPolicy
from edge_runtime.routing.policy import EffectivePolicy, OwnerPolicy, effective, under
from edge_runtime.routing.refusal import Refusal
from edge_runtime.routing.rules import UNKNOWN, Facts, Match, label_of, match

Outcome = Literal["answer", "guess", "escalate", "hold", "deny"]
"""``answer`` is sure; ``guess`` may not be asked about; ``hold`` may be, but not now."""

Kind = Literal[
    "owner", "request", "rule", "policy", "language", "confidence", "difficulty", "written",
    "redaction", "gate", "budget", "outcome",
]  # fmt: skip


_FOLLOWS = "a question about what was said before needs the large model"


class Step(msgspec.Struct, frozen=True):
    """One thing that was looked at; ``speaks`` is whether it had a say in the outcome."""

    kind: Kind
    said: str
    speaks: bool = True


class Question(msgspec.Struct, frozen=True):
    """What the bundle makes of a text; ``languages`` are those it has learned, none: any.

    ``difficulty`` of a free question is the probability that a small model would answer it wrongly;
    ``follows`` is whether it cannot be understood without what was said before.
    """

    facts: Facts
    confidence: float
    head: Head
    calibration: Calibration | None = None
    languages: Sequence[str] = ()
    difficulty: float | None = None
    follows: bool = False


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
    """Decide from the head's own answer; what may hold it back comes after, in ``leaving``."""
    steps = [Step("owner", effective(owner, RequestPolicy()).said())]
    if asked != RequestPolicy():
        steps.append(Step("request", _said(asked)))
    policy, ruled = under_rules(owner, effective(owner, asked), question.facts, steps)
    steps.append(Step("policy", policy.said()))
    # a promise of 5 % is none to an owner who asks for 2 %
    known = question.calibration
    proven = known if known and known.alpha <= policy.max_local_error else None
    sure, confidence, reason = _judged(question, proven, policy, steps)
    steps += _hardness(question.difficulty, policy)
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


def is_worth_writing(question: Question, decision: Decision) -> bool:
    """Whether a free question is easy enough for the device's own bundle that makes text."""
    policy, languages = decision.policy, question.languages
    return (
        question.difficulty is not None
        and question.difficulty < policy.write_below
        and not question.follows
        and not is_foreign(question.facts.language, languages)
        and decision.outcome in {"escalate", "hold", "guess"}
        and policy.escalate != "always"
    )


def written(
    decision: Decision, confidence: float, guarantee: Guarantee | None, said: str
) -> Decision:
    """Return the decision about a question that the device's own bundle has written an answer to.

    That counts where it stands under a guarantee of which the owner's ``max_local_error`` is met.
    """
    proven = guarantee is not None and guarantee.alpha <= decision.policy.max_local_error
    before = [each for each in decision.steps if each.kind != "outcome"]
    last = decision.steps[len(before) :]
    step = Step("written", said, speaks=proven)
    if not proven:
        return msgspec.structs.replace(decision, steps=[*before, step, *last])
    return msgspec.structs.replace(
        decision,
        outcome="answer",
        confidence=confidence,
        reasons=[*decision.reasons, said],
        steps=[*before, step, Step("outcome", "answer: written here")],
        guarantee=guarantee,
        refusal=None,
    )


def under_rules(
    owner: OwnerPolicy, policy: EffectivePolicy, facts: Facts, steps: list[Step]
) -> tuple[EffectivePolicy, list[str]]:
    """Return the policy as the rules make it, and those that changed it in words.

    Each of them is a step more.
    """
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
    foreign = is_foreign(question.facts.language, question.languages)
    confidence = 0.0 if foreign or question.follows else question.confidence
    if question.languages:
        spoken = question.facts.language or UNKNOWN
        known = ", ".join(question.languages)
        steps.append(Step("language", f"{spoken}; the bundle knows {known}", foreign))
    sure, said = _sure(confidence, proven, policy)
    label, head = question.facts.intent or "", question.head
    needs_large = _needs_large(label, head)
    steps.append(Step("confidence", said, not (needs_large or foreign or question.follows)))
    if foreign:
        return False, confidence, f"language {question.facts.language} is none of the bundle's"
    if question.follows:
        steps.append(Step("confidence", _FOLLOWS))
        return False, confidence, _FOLLOWS
    if needs_large:
        steps.append(Step("confidence", needs_large))
        return False, confidence, needs_large
    return sure, confidence, said


def _hardness(difficulty: float | None, policy: EffectivePolicy) -> list[Step]:
    """Return what is predicted of a free question, and whether that asks for the stronger model."""
    if difficulty is None:
        return []
    said = f"a small model would be wrong with a probability of {difficulty:.2f}"
    strong = policy.wants_strong(difficulty)
    if strong is None:
        return [Step("difficulty", said, speaks=False)]
    sign, which = (">=", "the stronger") if strong else ("<", "the cheaper")
    above = f"{sign} {policy.strong_above:.2f}"
    return [Step("difficulty", f"{said} {above}: {which} model is to answer")]


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


def is_foreign(language: str | None, languages: Sequence[str]) -> bool:
    """Whether a text is in none of a bundle's languages; no languages: any is known."""
    if not language or language == UNKNOWN or not languages:
        return False
    return _main(language) not in {_main(each) for each in languages}


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
    fields = {name: getattr(asked, name) for name in asked.__struct_fields__ if name != "redaction"}
    said = [f"{name} {value}" for name, value in fields.items() if value is not None]
    return ", ".join([*said, *(f"{kind} {what}" for kind, what in asked.redaction.items())])
