"""What quantization cost as one number, and how much of that is tolerated."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from edge_export.checks.parity import Parity, log_softmax
from edge_export.samples import Sample
from edge_runtime.bundles.manifest import Head, Task

Floats = npt.NDArray[np.floating]


class Judgement(msgspec.Struct, frozen=True):
    """``measure`` before and after, and the ``drop``: points of a percentage, or percent.

    ``most`` is the drop that is tolerated; ``n`` is the number of texts.
    """

    measure: str
    fp32: float
    quantized: float
    drop: float
    most: float
    n: int

    @property
    def passed(self) -> bool:
        """Whether the drop is within what is tolerated."""
        return self.drop <= self.most

    def sentence(self) -> str:
        """Return the numbers in one line."""
        return (
            f"{self.measure} {self.fp32:.4g} -> {self.quantized:.4g}, a drop of {self.drop:.3g}; "
            f"tolerated are {self.most:g}"
        )


# tolerated when the user says nothing: by labels a point; without labels near-ties fall the other
# way, so only a broken result is refused
TOLERANCE = {"labels": 1.0, "agreement": 10.0, "cosine": 5.0, "perplexity": 5.0}


def judge_metric(name: str, fp32: float, quantized: float, most: float | None, n: int) -> Judgement:
    """Judge by a metric between 0 and 1 on labelled data."""
    before, after = 100 * fp32, 100 * quantized
    limit = TOLERANCE["labels"] if most is None else most
    return Judgement(f"{name} (percent)", before, after, max(0.0, before - after), limit, n)


def judge_outputs(
    task: Task,
    head: Head | None,
    parity: Parity,
    perplexities: tuple[float, float] | None,
    most: float | None,
    n: int,
) -> Judgement:
    """Judge by how far the outputs moved, where no labels say what is right.

    ``perplexities`` are those of the user's own texts, before and after. Without them a model that
    makes text is judged by the Kullback-Leibler divergence: exp of it is how much the perplexity
    rises on what the fp32 form itself would write.
    """
    if perplexities is None and task == "text-generation":
        after = 100 * float(np.exp(parity.kl or 0.0))
        limit = TOLERANCE["perplexity"] if most is None else most
        what = "perplexity of what fp32 would write (percent of its own)"
        return Judgement(what, 100.0, after, after - 100, limit, n)
    if perplexities is not None:
        before, after = perplexities
        drop = max(0.0, 100 * (after / before - 1))
        limit = TOLERANCE["perplexity"] if most is None else most
        return Judgement("perplexity (rise in percent)", before, after, drop, limit, n)
    if head is not None and head.type == "embedding":
        after = 100 * parity.mean_cosine
        limit = TOLERANCE["cosine"] if most is None else most
        return Judgement("mean cosine to fp32 (percent)", 100.0, after, 100 - after, limit, n)
    after = 100 * (parity.agreement if parity.agreement is not None else 1.0)
    what = "same next token" if task in {"summarization", "translation"} else "same best label"
    limit = TOLERANCE["agreement"] if most is None else most
    return Judgement(f"{what} as fp32 (percent)", 100.0, after, 100 - after, limit, n)


def perplexity(outputs: Sequence[Floats], samples: Sequence[Sample]) -> float:
    """Return exp of the mean negative log-likelihood of each text's tokens after its first."""
    found = [
        log_likelihoods(logits, sample.window.ids)
        for logits, sample in zip(outputs, samples, strict=True)
    ]
    return float(np.exp(-np.concatenate(found).mean()))


def log_likelihoods(logits: Floats, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the log-likelihood of each of ``ids [tokens]`` after the first."""
    rows = log_softmax(logits[:-1])
    return rows[np.arange(len(ids) - 1), ids[1:]]
