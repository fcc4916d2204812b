"""What changes when people write as they do: the decision, and the intent."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from benchmarks.assistant.figures import Figure, figure
from benchmarks.assistant.sets import DataSet, Sets
from edge_export.evaluation.metrics import Booleans, share
from edge_export.train.noise import KINDS, add_noise
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.messages import Answer, Request

_SEED = 20261125  # not one that the training has
_ASIDES = ("i will be back soon", "it is getting late", "that would be great", "i am in a hurry")


def noise_figures(sets: Sets, data: list[DataSet], most: int) -> Iterator[Figure]:
    """Yield the share of texts whose routing or intent flips, by kind of noise and in all.

    A text that a kind of noise leaves as it is does not count. ``most`` bounds the texts of each
    data set.
    """
    rng = random.Random(_SEED)  # noqa: S311 - the same noise each time
    assistant = Assistant(sets.encoder.bundle)
    texts = [
        example.text
        for each in data
        for example in rng.sample(each.examples, min(most, len(each.examples)))
    ]
    clean = [_decided(assistant, text) for text in tqdm(texts, desc="noise: none", unit="text")]
    flips: dict[str, Booleans] = {}
    for kind in KINDS:
        noisy = [_noisy(text, kind, rng) for text in texts]
        flips[kind] = np.array(
            [
                [a != b for a, b in zip(before, _decided(assistant, new), strict=True)]
                for before, old, new in zip(
                    clean, texts, tqdm(noisy, desc=f"noise: {kind}", unit="text"), strict=True
                )
                if new != old
            ],
            dtype=bool,
        ).reshape(-1, 2)
    for column, metric in enumerate(("routing flips", "intent flips")):
        for kind, flipped in flips.items():
            n = len(flipped)
            yield figure("intent", f"noise: {kind}", metric, n, share(flipped[:, column]))
        every = np.concatenate(list(flips.values()))[:, column]
        yield figure("intent", "all kinds of noise", metric, len(every), share(every))


def _noisy(text: str, kind: str, rng: random.Random) -> str:
    if kind == "aside":  # others than those of the training
        return f"{text.rstrip(' .')}. {rng.choice(_ASIDES)}"
    return add_noise(text, kind, rng).text or text


def _decided(assistant: Assistant, text: str) -> tuple[bool, str]:
    """Return whether the text is answered here, and the intent."""
    begun = assistant.begin(Request(text=text))
    answer = begun if isinstance(begun, Answer) else begun.guess
    return isinstance(begun, Answer), str((answer.result or {}).get("intent"))
