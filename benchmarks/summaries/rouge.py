"""ROUGE (Lin 2004) by Google's package, F1 with stems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rouge_score.rouge_scorer import RougeScorer

METRICS = ("rouge1", "rouge2", "rougeL")


@dataclass(frozen=True)
class Score:
    """F1 of single words, of pairs of words, and of the longest common subsequence."""

    rouge1: float
    rouge2: float
    rougeL: float  # noqa: N815 - its name in the field


class Rouge:
    """Scores summaries against references."""

    def __init__(self) -> None:
        self._scorer = RougeScorer(list(METRICS), use_stemmer=True)

    def best(self, summary: str, references: Sequence[str]) -> Score:
        """Return the highest F1 of each metric over the references."""
        found = [self._scorer.score(reference, summary) for reference in references]
        return Score(**{name: max(each[name].fmeasure for each in found) for name in METRICS})
