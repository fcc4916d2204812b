"""The score that early stopping looks at: of the network itself, on texts that it is not shown."""

from __future__ import annotations

import random
from collections.abc import Mapping
from statistics import fmean

import torch

from edge_export.train.batches import Batch, Item, Tokeniser, batches
from edge_export.train.evaluation import judge, span_f1
from edge_export.train.model import MultiTaskEncoder
from edge_export.train.parts import BySource
from edge_export.train.recipe import Recipe
from edge_runtime.bundles.manifest import Head
from edge_runtime.tasks.encoder import Encoding


class Validation:
    """The validation part, tokenised once; ``heads`` are those of the manifest."""

    def __init__(
        self, recipe: Recipe, tokeniser: Tokeniser, heads: Mapping[str, Head], rows: BySource
    ) -> None:
        self._heads = heads
        self._batches: dict[str, list[Batch]] = {}
        for name in heads:
            examples = [e for source in rows.values() for e in source if e.head == name]
            self._batches[name] = list(
                batches(
                    tokeniser.items([(example,) for example in examples], {}),
                    batch_tokens=recipe.training.batch_tokens,
                    pad_id=tokeniser.tokenizer.pad_id,
                    rng=random.Random(0),  # noqa: S311 - their order does not matter
                )
            )

    @torch.no_grad()
    def score(self, model: MultiTaskEncoder) -> float:
        """Return the macro mean over the heads: accuracy of labels, F1 of exact spans."""
        model.eval()
        scores = [
            _score(model, name, self._heads[name], plan)
            for name, plan in self._batches.items()
            if plan
        ]
        model.train()
        return fmean(scores)


def _score(model: MultiTaskEncoder, name: str, head: Head, plan: list[Batch]) -> float:
    items: list[Item] = []
    encodings: list[Encoding] = []
    for batch in plan:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = model.hidden(batch.ids, batch.mask, batch.types)
        logits = model.heads[name](states.float()).numpy()
        for row, item in enumerate(batch.items):
            length = len(item.window.ids)
            output = logits[row, :length] if head.type == "tagging" else logits[row, 0]
            items.append(item)
            encodings.append(Encoding(item.row[0].text, [item.window], {name: [output]}))
    examples = [item.row[0] for item in items]
    if head.type == "tagging":
        return span_f1(name, head, examples, encodings)["f1"]
    return float(judge(name, head, examples, encodings).correct.mean())
