"""Text metrics against references: ROUGE for summaries, chrF for translations."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.bundles.manifest import Task


def text_scores(task: Task, outputs: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Return mean ROUGE-1, -2 and -L F1 (Lin 2004), or corpus chrF (Popović 2015), from 0 to 1."""
    if task == "translation":
        import sacrebleu

        return {"chrF": sacrebleu.corpus_chrf(list(outputs), [list(references)]).score / 100}
    from rouge_score.rouge_scorer import RougeScorer

    names = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}
    scorer = RougeScorer(list(names), use_stemmer=True)
    rows = [scorer.score(ref, out) for ref, out in zip(references, outputs, strict=True)]
    return {
        label: sum(row[key].fmeasure for row in rows) / len(rows) for key, label in names.items()
    }
