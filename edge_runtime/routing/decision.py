"""The decision: answer here, or ask the large model; with the reasons in words."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.bundles.manifest import Calibration, Head
from edge_runtime.messages import Guarantee
from edge_runtime.routing.policy import EffectivePolicy


@dataclass(frozen=True)
class Decision:
    """``guarantee`` is set when the local answer stands under the bundle's calibration.

    ``sure`` is False for the best guess of a text that may not leave.
    """

    escalate: bool
    reasons: list[str]
    guarantee: Guarantee | None = None
    sure: bool = False


def decide(
    label: str,
    confidence: float,
    head: Head,
    calibration: Calibration | None,
    policy: EffectivePolicy,
) -> Decision:
    """Decide from the head's own answer (DESIGN section 9); policy comes first."""
    # a promise of 5 % is none to an owner who asks for 2 %
    proven = calibration if calibration and calibration.alpha <= policy.max_local_error else None
    sure, reason = _sure(confidence, proven, policy)
    if needs_large := _needs_large(label, head):
        sure, reason = False, needs_large
    if sure:
        return Decision(escalate=False, reasons=[reason], guarantee=_guarantee(proven), sure=True)
    if policy.privacy == "local":
        stays = "privacy local: best guess, nothing left the device"
        return Decision(escalate=False, reasons=[reason, stays])
    return Decision(escalate=True, reasons=[reason])


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
