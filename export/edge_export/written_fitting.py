"""Confidence and threshold of what a bundle writes: by margins, and by a probe if it pays; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_export.evaluation.metrics import Metric, rounded, score
from edge_export.evaluation.ranking import expected_calibration_error, ranking
from edge_export.evaluation.written import MAX_TOKENS, Written
from edge_export.logistic import fit_confidence
from edge_export.probing import FittedProbe, fit_probe, folds, log_loss, splits
from edge_runtime.bundles.manifest import Calibration
from edge_runtime.routing.calibration import (
    Booleans,
    Floats,
    fewest_samples,
    fit_logistic,
    learn_threshold,
)
from edge_runtime.routing.confidence import PROBE, calibrated

Integers = npt.NDArray[np.int_]

# a handful of weights needs few samples to fit, and the more are tested, the looser the threshold
# may be; a probe has hundreds of weights: its AUROC on the rest of 300 questions is .02 to .05
# higher when half of them fit
_FITTED, _FITTED_WITH_PROBE = 0.3, 0.5
_PER_BIN, _MOST_BINS = 30, 15  # of the calibration error: in smaller bins chance makes most of it


@dataclass(frozen=True)
class Model:
    """A logistic model over features of answers.

    ``probe`` makes one of them. ``crossed`` is the confidence ``[samples]`` in the answers of the
    fit, each read by a probe that was fitted without it. ``basis`` says why there is a probe.
    """

    features: list[str]
    weights: list[float]
    bias: float
    crossed: Floats
    probe: FittedProbe | None
    basis: str

    def confidence(self, written: Written) -> Floats:
        """Return the confidence ``[questions]`` that a device computes."""
        found = written.features
        if self.probe is not None and written.states is not None:
            found[PROBE] = self.probe.log_odds(written.states)
        return calibrated(found, self.features, self.weights, self.bias)


def fit_written(
    written: Written, *, alpha: float, delta: float, evaluation: str, seed: int = 13
) -> Calibration:
    """Return confidence and threshold of a bundle's answers to questions.

    A random part fits, the rest tests. Where the states of the prompts are known a probe is fitted
    too, and kept if it lowers the loss on answers of that part that it was not fitted on.
    """
    rng = np.random.default_rng(seed)
    share = _FITTED if written.states is None else _FITTED_WITH_PROBE
    size = max(round(share * written.count), fewest_samples(alpha, delta))
    first, second = np.split(rng.permutation(written.count), [min(size, written.count // 2)])
    fitted, held_out = written.part(first), written.part(second)
    model = fit_model(fitted, rng)
    sure, right = model.confidence(held_out), held_out.right
    plain = ranking(fit_margins(fitted).confidence(held_out), right)
    threshold = learn_threshold(
        (model.crossed, fitted.right), (sure, right), alpha=alpha, delta=delta
    )
    ranked = score(ranking(sure, right), held_out.count, seed)
    return Calibration(
        features=model.features,
        weights=model.weights,
        bias=model.bias,
        alpha=alpha,
        delta=delta,
        n=threshold.n,
        threshold=threshold.value,
        coverage=rounded(threshold.coverage),
        auroc=ranked.value,
        evaluation=evaluation,
        accepted=threshold.accepted,
        errors=threshold.errors,
        probe=None if model.probe is None else model.probe.stored,
        max_tokens=MAX_TOKENS,
        basis=model.basis if model.probe is None else _compared(model, held_out, plain, seed),
        auroc_interval=[each for each in (ranked.low, ranked.high) if each is not None],
        margins_auroc=score(plain, held_out.count, seed).value,
        calibration_error=rounded(calibration_error(sure, right)),
    )


def fit_model(fitted: Written, rng: np.random.Generator) -> Model:
    """Fit margins, and a probe where it lowers the loss on answers left out of its fit."""
    if fitted.states is None:
        return fit_margins(fitted, "margins and length: the graph gives no hidden states")
    right, probe = fitted.right, fit_probe(fitted.states, fitted.right, rng)
    if probe is None:
        few = "too few right or too few wrong answers to fit a probe"
        return fit_margins(fitted, f"margins and length: {few}")
    parts = folds(right, rng)
    found = {**fitted.features, PROBE: probe.crossed}
    loss, plain = _loss(found, right, parts), _loss(fitted.features, right, parts)
    said = f"loss {loss:.3f} with it, {plain:.3f} without, on answers left out"
    model = _fit(found, right, probe, f"probe, margins and length ({said})")
    # to ask for one standard error more costs .02 to .05 of AUROC where a probe tells something
    if loss < plain and dict(zip(model.features, model.weights, strict=True)).get(PROBE, 0.0) > 0:
        return model
    return fit_margins(fitted, f"margins and length: a probe is no better ({said})")


def fit_margins(fitted: Written, basis: str = "margins and length") -> Model:
    """Fit margins and length alone."""
    return _fit(fitted.features, fitted.right, None, basis)


def calibration_error(sure: Floats, right: Booleans) -> float:
    """Return the expected calibration error over bins of about 30 answers."""
    bins = min(max(len(right) // _PER_BIN, 1), _MOST_BINS)
    return expected_calibration_error(sure, right, bins=bins)


def _compared(model: Model, held_out: Written, plain: Metric, seed: int) -> str:
    """Return the basis, with what the probe adds to the AUROC on the tested answers."""
    own = ranking(model.confidence(held_out), held_out.right)
    gain = score(Metric(lambda w: own.of(w) - plain.of(w)), held_out.count, seed)
    if gain.value is None or gain.low is None or gain.high is None:
        return model.basis
    said = f"AUROC {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) over margins and length"
    shown = "" if gain.low > 0 else ": not shown to be better"
    return f"{model.basis}; on the tested answers {said}{shown}"


def _fit(
    found: Mapping[str, Floats], right: Booleans, probe: FittedProbe | None, basis: str
) -> Model:
    names, weights, bias = fit_confidence(found, right)
    return Model(names, weights, bias, calibrated(dict(found), names, weights, bias), probe, basis)


def _loss(found: Mapping[str, Floats], right: Booleans, parts: Integers) -> float:
    """Return the mean loss of answers, each by a model that was not fitted on it."""
    inputs = np.column_stack(list(found.values()))
    log_odds = np.zeros(len(right))
    for fit, rest in splits(parts):
        weights, bias = fit_logistic(inputs[fit], right[fit])
        log_odds[rest] = inputs[rest] @ weights + bias
    return log_loss(log_odds, right)
