"""How sure a written answer is, on what ground, and what is guaranteed for it; pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from edge_runtime.bundles.manifest import Calibration
from edge_runtime.inference.generation_config import GenerationConfig
from edge_runtime.messages import Guarantee
from edge_runtime.routing.confidence import PROBE, calibrated, written_features
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.text_output import Generation

_UNKNOWN = "nothing is known of how right it is"


@dataclass(frozen=True)
class Certainty:
    """``confidence`` is 0 where nobody measured any; ``reason`` names what it rests on."""

    confidence: float
    reason: str
    guarantee: Guarantee | None = None


def certainty(
    calibration: Calibration | None, made: Generation, other_kind: str | None
) -> Certainty:
    """Return how sure a text is.

    ``other_kind`` says why it is not of the kind that was calibrated, None if it is: only then does
    it stand under the guarantee.
    """
    if calibration is None or made.mean_margin is None or made.least_margin is None:
        return Certainty(0.0, _UNKNOWN)
    found = written_features(
        np.array([made.mean_margin]),
        np.array([made.least_margin]),
        np.array([made.generation_tokens]),
        None if made.probe is None else np.array([made.probe]),
    )
    names = calibration.features
    if not set(names) <= set(found):
        return Certainty(0.0, f"{_UNKNOWN}: it was calibrated by {', '.join(names)}")
    sure = float(calibrated(found, names, calibration.weights, calibration.bias)[0])
    basis = "probe, margins and length" if PROBE in names else "margins and length"
    said = f"confidence {sure:.2f} by {basis}"
    threshold = calibration.threshold
    if threshold is None:
        return Certainty(sure, f"{said}, but no threshold passed calibration")
    why = other_kind or _cut_elsewhere(calibration, made)
    if why is not None:
        return Certainty(sure, f"{said}, without guarantee: {why}")
    if sure < threshold:
        return Certainty(sure, f"{said} < {threshold:.2f}")
    guarantee = Guarantee(calibration.alpha, calibration.delta, calibration.n)
    return Certainty(sure, f"{said} >= {threshold:.2f}", guarantee)


def other_choice(
    options: GenerationOptions, config: GenerationConfig, *, answers: bool
) -> str | None:
    """Return why tokens are not chosen as they were for the calibration, None if they are.

    Those were always the likeliest ones, under no rules but those of the model's files.

    Raises:
        BadRequestError: an option is out of range.
    """
    if not options.sampling(config, recommended=answers).is_greedy:
        return "its tokens were sampled"
    rest = msgspec.structs.replace(
        options, max_tokens=GenerationOptions().max_tokens, temperature=None, top_k=None,
        top_p=None, min_p=None, seed=None, beams=None, prompt_lookup=True,
    )  # fmt: skip
    return None if rest == GenerationOptions() else "its options are not those of the calibration"


def _cut_elsewhere(calibration: Calibration, made: Generation) -> str | None:
    most = calibration.max_tokens
    if most is None:
        return "the calibration does not say where answers were cut off; calibrate again"
    if made.generation_tokens > most:
        return f"it is longer than the {most} tokens of the calibration"
    ended = made.finish_reason == "stop"
    cut_alike = made.finish_reason == "length" and made.generation_tokens == most
    return None if ended or cut_alike else "it was cut off"
