"""Policy: the stricter of owner and request, field by field."""

from __future__ import annotations

import msgspec

from edge_runtime.messages import Privacy, RequestPolicy, WhenOffline

_PRIVACY: list[Privacy] = ["cloud", "redact", "local"]  # from lax to strict
_WHEN_OFFLINE: list[WhenOffline] = ["queue", "local", "fail"]


class OwnerPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the owner of the device allows; requests can only ask for less.

    ``privacy``: ``local`` lets nothing leave, ``redact`` the text without names and numbers that
    identify people, ``cloud`` the text as it is. ``deadline_ms`` is the longest wait for the large
    model, ``max_cost_usd`` the most that one answer may cost (None: no limit),
    ``max_local_error`` the error that local answers may have: a bundle's guarantee counts if its
    alpha is no larger, else an answer needs a confidence of ``1 - max_local_error``.
    """

    privacy: Privacy = "redact"
    when_offline: WhenOffline = "queue"
    deadline_ms: int = 3_600_000
    max_cost_usd: float | None = None
    max_local_error: float = 0.05


class EffectivePolicy(msgspec.Struct, frozen=True):
    """What holds for one request."""

    privacy: Privacy
    when_offline: WhenOffline
    deadline_ms: int
    max_cost_usd: float | None
    max_local_error: float


def effective(owner: OwnerPolicy, asked: RequestPolicy) -> EffectivePolicy:
    """Return the stricter of both in each field; what the request leaves open, the owner sets."""
    costs = [cost for cost in (owner.max_cost_usd, asked.max_cost_usd) if cost is not None]
    return EffectivePolicy(
        privacy=max(owner.privacy, asked.privacy or owner.privacy, key=_PRIVACY.index),
        when_offline=max(
            owner.when_offline, asked.when_offline or owner.when_offline, key=_WHEN_OFFLINE.index
        ),
        deadline_ms=min(owner.deadline_ms, asked.deadline_ms or owner.deadline_ms),
        max_cost_usd=min(costs, default=None),
        max_local_error=owner.max_local_error,
    )
