"""The decision: answer here, or ask the large model; with the reasons in words."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.bundles.manifest import Calibration, Head
from edge_runtime.messages import Guarantee
from edge_runtime.routing.policy import EffectivePolicy


@dataclass(frozen=True)
class Decision:
    """``guarantee`` is set when the local answer stands under the bundle's calibration."""

    escalate: bool
    reasons: list[str]
    guarantee: Guarantee | None = None


def decide(
    label: str,
    confidence: float,
    head: Head,
    calibration: Calibration | None,
    policy: EffectivePolicy,
) -> Decision:
    """Decide from the head's own answer (DESIGN section 9); policy comes first."""
    needs_large = _needs_large(label, head)
    sure, why_sure = _sure(confidence, calibration, policy)
    reasons = [needs_large] if needs_large else [why_sure]
    if policy.privacy == "local":
        if needs_large or not sure:
            reasons.append("privacy local: best guess, nothing left the device")
        guarantee = None if needs_large or not sure else _guarantee(calibration)
        return Decision(escalate=False, reasons=reasons, guarantee=guarantee)
    if needs_large or not sure:
        return Decision(escalate=True, reasons=reasons)
    return Decision(escalate=False, reasons=reasons, guarantee=_guarantee(calibration))


def _needs_large(label: str, head: Head) -> str | None:
    if label == head.out_of_scope:
        return "out of scope for the local model"
    if label in head.needs_large_model:
        return f"intent {label} needs the large model"
    return None


def _sure(
    confidence: float, calibration: Calibration | None, policy: EffectivePolicy
) -> tuple[bool, str]:
    if calibration is not None and calibration.alpha <= policy.max_local_error:
        threshold = calibration.threshold
        if threshold is None:
            return False, f"confidence {confidence:.2f}, but no threshold passed calibration"
        return _compared(confidence, threshold)
    return _compared(confidence, 1 - policy.max_local_error, " (no guarantee)")


def _compared(confidence: float, threshold: float, note: str = "") -> tuple[bool, str]:
    sign = ">=" if confidence >= threshold else "<"
    return confidence >= threshold, f"confidence {confidence:.2f} {sign} {threshold:.2f}{note}"


def _guarantee(calibration: Calibration | None) -> Guarantee | None:
    if calibration is None or calibration.threshold is None:
        return None
    return Guarantee(calibration.alpha, calibration.delta, calibration.n)
