"""Policy: the strictest of owner, rules and request, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from edge_runtime.messages import Kind, Privacy, Redaction, RequestPolicy, WhenOffline
from edge_runtime.routing.budget import Budget
from edge_runtime.routing.gates import Gates
from edge_runtime.routing.keeping import CachePolicy, SessionPolicy
from edge_runtime.routing.redaction.kinds import IDENTIFYING, SHARED
from edge_runtime.routing.rules import Escalating, Match, Rule

_PRIVACY: list[Privacy] = ["cloud", "redact", "local"]  # from lax to strict
_WHEN_OFFLINE: list[WhenOffline] = ["queue", "local", "fail"]
_REDACTION: list[Redaction] = ["keep", "redact", "block"]
_KINDS = IDENTIFYING | SHARED

_Level = TypeVar("_Level", bound=str)


class OwnerPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the owner of the device allows; requests can only ask for less.

    ``privacy``: ``local`` lets nothing leave, ``redact`` the text without names and numbers that
    identify people, ``cloud`` the text as it is. ``deadline_ms`` is the longest wait for the large
    model, ``max_cost_usd`` the most that one answer may cost (None: no limit),
    ``max_local_error`` the error that local answers may have: a bundle's guarantee counts if its
    alpha is no larger, else an answer needs a confidence of ``1 - max_local_error``. ``rules`` are
    stricter for some queries; ``budget`` and ``gates`` say when nobody is asked. ``redaction`` says
    for kinds of private text whether they are kept, redacted, or keep the query here; what it
    leaves open, ``privacy`` decides. Below a difficulty of ``write_below`` a free question is tried
    on the device's own bundle that makes text, if it has one; from ``strong_above`` on a worker is
    to ask the stronger of its models, and without it, it chooses itself.
    """

    privacy: Privacy = "redact"
    when_offline: WhenOffline = "queue"
    deadline_ms: int = 3_600_000
    max_cost_usd: float | None = None
    max_local_error: float = 0.05
    rules: tuple[Rule, ...] = ()
    budget: Budget = Budget()
    gates: Gates = Gates()
    cache: CachePolicy = CachePolicy()
    sessions: SessionPolicy = SessionPolicy()
    redaction: dict[Kind, Redaction] = {}
    write_below: float = 0.5
    strong_above: float | None = None

    def __post_init__(self) -> None:
        if self.deadline_ms <= 0:
            raise ValueError("deadline_ms must be positive")
        if self.max_cost_usd is not None and not 0 <= self.max_cost_usd < float("inf"):
            raise ValueError("max_cost_usd must be 0 or more")
        if not 0 <= self.max_local_error <= 1:
            raise ValueError("max_local_error must be 0 to 1")
        for name in ("write_below", "strong_above"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} is a probability: 0 to 1")


class EffectivePolicy(msgspec.Struct, frozen=True):
    """What holds for one request; ``denied_by`` is the rule that refuses it.

    ``redaction`` is the owner's, ``asked_redaction`` what the request wants at least.
    """

    privacy: Privacy
    when_offline: WhenOffline
    deadline_ms: int
    max_cost_usd: float | None
    max_local_error: float
    escalate: Escalating | None = None
    denied_by: str | None = None
    redaction: Mapping[str, Redaction] = {}
    asked_redaction: Mapping[str, Redaction] = {}
    write_below: float = 0.5
    strong_above: float | None = None

    def on(self, kind: str) -> Redaction:
        """Return what is done with a kind of private text."""
        own = self.redaction.get(kind) or _usual(self.privacy, kind)
        return _stricter(_REDACTION, own, self.asked_redaction.get(kind))

    @property
    def kept(self) -> frozenset[str]:
        """The kinds of private text that leave as they are."""
        return frozenset(kind for kind in _KINDS if self.on(kind) == "keep")

    @property
    def blocks(self) -> bool:
        """Whether there is a kind of private text that keeps a query here."""
        return any(self.on(kind) == "block" for kind in _KINDS)

    @property
    def own_redactions(self) -> str:
        """What is done otherwise than ``privacy`` alone says, as ``KIND action, …``."""
        found = {kind: self.on(kind) for kind in sorted(_KINDS)}
        return ", ".join(
            f"{kind} {what}" for kind, what in found.items() if what != _usual(self.privacy, kind)
        )

    @property
    def terms(self) -> str:
        """How strictly private text is handled, all of it: to compare with other terms."""
        own = self.own_redactions
        return f"{self.privacy}: {own}" if own else self.privacy

    def wants_strong(self, difficulty: float | None) -> bool | None:
        """Whether the stronger model is to be asked; None leaves it to the worker."""
        if self.strong_above is None or difficulty is None:
            return None
        return difficulty >= self.strong_above

    def said(self) -> str:
        """Return it in words."""
        cost = "no limit" if self.max_cost_usd is None else f"{self.max_cost_usd:g}"
        words = (
            f"privacy {self.privacy}, when_offline {self.when_offline}, "
            f"deadline_ms {self.deadline_ms}, max_cost_usd {cost}, "
            f"max_local_error {self.max_local_error:g}"
        )
        words += f", {said}" if (said := self.own_redactions) else ""
        words += f", escalate {self.escalate}" if self.escalate else ""
        return words + (f", denied by {self.denied_by}" if self.denied_by else "")


def effective(owner: OwnerPolicy, asked: RequestPolicy) -> EffectivePolicy:
    """Return the stricter of both in each field; what the request leaves open, the owner sets."""
    return EffectivePolicy(
        privacy=_stricter(_PRIVACY, owner.privacy, asked.privacy),
        when_offline=_stricter(_WHEN_OFFLINE, owner.when_offline, asked.when_offline),
        deadline_ms=min(owner.deadline_ms, asked.deadline_ms or owner.deadline_ms),
        max_cost_usd=_least(owner.max_cost_usd, asked.max_cost_usd),
        max_local_error=owner.max_local_error,
        redaction=dict(owner.redaction.items()),
        asked_redaction=_wanted(asked),
        write_below=owner.write_below,
        strong_above=owner.strong_above,
    )


def under(policy: EffectivePolicy, match: Match) -> EffectivePolicy:
    """Return the policy as a rule that matches makes it; in any order, the result is the same."""
    rule = match.rule
    denied = min(filter(None, (policy.denied_by, match.label if rule.deny else None)), default=None)
    wanted = {policy.escalate, match.escalate}
    escalate: Escalating | None = "always" if "always" in wanted else None
    return msgspec.structs.replace(
        policy,
        privacy=_stricter(_PRIVACY, policy.privacy, rule.privacy),
        when_offline=_stricter(_WHEN_OFFLINE, policy.when_offline, rule.when_offline),
        max_cost_usd=_least(policy.max_cost_usd, rule.max_cost_usd),
        escalate="never" if "never" in wanted else escalate,
        denied_by=denied,
    )


def is_stricter(one: Privacy, other: Privacy) -> bool:
    """Whether a privacy lets less leave than another."""
    return _PRIVACY.index(one) > _PRIVACY.index(other)


def is_idle(owner: OwnerPolicy, rule: Rule) -> bool:
    """Whether a rule changes nothing even where it matches, since the owner is as strict."""
    if rule.deny or rule.escalate is not None:
        return False
    policy = effective(owner, RequestPolicy())
    return under(policy, Match(rule, "", "")) == policy


def stricter_redaction(one: Redaction, other: Redaction) -> bool:
    """Whether one lets less leave than another."""
    return _REDACTION.index(one) > _REDACTION.index(other)


def _wanted(asked: RequestPolicy) -> dict[str, Redaction]:
    """Return what a request wants of each kind that it says something about, by name or privacy."""
    wanted: dict[str, Redaction] = dict(asked.redaction.items())
    for kind in IDENTIFYING if asked.privacy in {"redact", "local"} else ():
        wanted[kind] = _stricter(_REDACTION, "redact", wanted.get(kind))
    return wanted


def _usual(privacy: Privacy, kind: str) -> Redaction:
    """Return what is done with a kind where nobody says otherwise."""
    return "keep" if privacy == "cloud" or kind not in IDENTIFYING else "redact"


def _stricter(order: list[_Level], one: _Level, other: _Level | None) -> _Level:
    return max(one, other or one, key=order.index)


def _least(*costs: float | None) -> float | None:
    return min((cost for cost in costs if cost is not None), default=None)
