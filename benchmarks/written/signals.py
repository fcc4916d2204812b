"""What may tell a right answer from a wrong one, and how well it does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge_export.evaluation.metrics import Metric, Score, score
from edge_export.evaluation.ranking import ranking
from edge_export.evaluation.written import Written
from edge_export.probing import fit_probe, folds, splits
from edge_export.written_fitting import Model, calibration_error, fit_margins, fit_model
from edge_runtime.routing.calibration import Booleans, Floats
from edge_runtime.tasks.generation import TextGenerator

MARGINS, PROBE, ALL = "margins and length, fitted", "probe, fitted", "all three, fitted"

_SEED = 13
_DRAWS = 200


def signals(generator: TextGenerator, written: Written) -> dict[str, Floats]:
    """Return signals ``[questions]`` by name, higher where it is surer.

    What is fitted is fitted on four fifths and read on the fifth, five times.
    """
    found = written.features
    made = {
        "mean token entropy": -entropy(generator, written),
        "length": -found["log_tokens"],
        "mean margin": found["mean_margin"],
        "least margin": found["least_margin"],
        MARGINS: crossed(written, _confidence(lambda fitted, _: fit_margins(fitted))),
    }
    if written.states is not None:
        made |= {PROBE: crossed(written, _probe), ALL: crossed(written, _confidence(fit_model))}
    return made


def entropy(generator: TextGenerator, written: Written) -> Floats:
    """Return the mean entropy ``[questions]`` of the tokens, in nats; low where it is sure."""
    means = []
    for prompt, said in zip(written.prompts, written.answers, strict=True):
        ids = [*prompt, *generator.tokenizer.ids(said.text)]
        logits = generator.logits(ids)[len(prompt) - 1 : -1].astype(np.float64)
        logits -= logits.max(axis=-1, keepdims=True)
        p = np.exp(logits)
        p /= p.sum(axis=-1, keepdims=True)
        means.append(float(-(p * np.log(np.maximum(p, 1e-30))).sum(axis=-1).mean()))
    return np.array(means)


Fitted = Callable[[Written, Written, np.random.Generator], Floats]


def crossed(written: Written, read: Fitted) -> Floats:
    """Return the confidence ``[questions]``, each by a model that was fitted on other ones."""
    rng = np.random.default_rng(_SEED)
    sure = np.zeros(written.count)
    for fit, rest in splits(folds(written.right, rng)):
        sure[rest] = read(
            written.part(np.flatnonzero(fit)), written.part(np.flatnonzero(rest)), rng
        )
    return sure


def ranked(signal: Floats, right: Booleans) -> Score:
    """Return the AUROC with its interval of 95 %; None where all is right, or all wrong."""
    return score(ranking(signal, right), len(right), _SEED)


def gain(signal: Floats, other: Floats, right: Booleans) -> Score:
    """Return how much higher the AUROC of a signal is than that of another, on the same answers."""
    own, plain = ranking(signal, right), ranking(other, right)
    return score(Metric(lambda weights: own.of(weights) - plain.of(weights)), len(right), _SEED)


def by_chance(sure: Floats) -> float:
    """Return the calibration error that is to be expected if every confidence is true."""
    rng = np.random.default_rng(_SEED)
    draws = [calibration_error(sure, rng.random(len(sure)) < sure) for _ in range(_DRAWS)]
    return float(np.mean(draws))


def _confidence(fit: Callable[[Written, np.random.Generator], Model]) -> Fitted:
    return lambda fitted, held_out, rng: fit(fitted, rng).confidence(held_out)


def _probe(fitted: Written, held_out: Written, rng: np.random.Generator) -> Floats:
    assert fitted.states is not None  # noqa: S101 - or nobody asks for a probe
    assert held_out.states is not None  # noqa: S101
    probe = fit_probe(fitted.states, fitted.right, rng)
    return np.zeros(held_out.count) if probe is None else probe.log_odds(held_out.states)
