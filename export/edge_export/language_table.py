"""The n-grams that tell languages in Latin letters apart, taken out of py3langid's model.

The model (BSD-3-Clause, Marco Lui and Adrien Barbaresi) knows 100,000 n-grams and 139 languages
and takes 75 MB and 0.7 s to open; a device needs those that tell its languages from English.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import ConfigError
from edge_runtime.routing.ngram_table import LANGUAGES, LONGEST, STEPS, runs

_KEPT = 20_000  # half of it finds fewer foreign texts, double costs memory and finds no more
_ONCE = np.log1p(1.0)  # py3langid weighs an n-gram by the logarithm of its count


def write_table(path: Path) -> None:
    """Write the table that ``edge_runtime.routing.ngram_table`` reads.

    Raises:
        ConfigError: the package py3langid is not installed.
    """
    try:
        from py3langid.langid import MODEL_DIR, MODEL_FILE
        from py3langid.modelio import load_model
    except ModuleNotFoundError as exc:
        raise ConfigError(
            "the table of n-grams is taken from the package py3langid: pip install py3langid"
        ) from exc
    scores, _, names, moves, rows, outputs = load_model(MODEL_DIR / MODEL_FILE)
    columns = [names.index(language) for language in LANGUAGES]
    ngrams = _ngrams(np.array(moves).reshape(-1, 256), rows, outputs)
    texts = [text for text in ngrams if _latin(text)]
    chosen = np.asarray(scores)[[ngrams[text] for text in texts]][:, columns].astype(np.float64)
    kept = np.argsort(-_worth(chosen), kind="stable")[:_KEPT]
    weights = np.rint((chosen - chosen[:, :1]) * _ONCE * STEPS).clip(-127, 127).astype(np.int8)
    known = np.array([_key(texts[i]) for i in kept], np.uint32)
    order = np.argsort(known, kind="stable")
    np.savez_compressed(path, known=known[order], weights=weights[kept][order])


def _ngrams(
    moves: npt.NDArray[np.integer], rows: Sequence[int], outputs: Sequence[int]
) -> dict[str, int]:
    """Return each n-gram's number: the shortest way to the state of the automaton that tells it."""
    ways = {0: b""}
    queue = deque([0])
    while queue:
        state = queue.popleft()
        for byte, following in enumerate(moves[rows[state]].tolist()):
            if following not in ways:
                ways[following] = ways[state] + bytes([byte])
                queue.append(following)
    found = {}
    for state, way in ways.items():
        if outputs[state] >= 0:
            found[way.decode("utf-8", errors="replace")] = int(outputs[state])
    return found


def _latin(text: str) -> bool:
    """Whether it is lower case and of Latin letters, as the device looks n-grams up."""
    letters = [char for char in text if char not in " '-"]
    return (
        bool(letters)
        and len(text) <= LONGEST
        and text == text.lower()
        and all("LATIN" in unicodedata.name(char, "") and char.isalpha() for char in letters)
    )


def _worth(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how much an n-gram says, times how often it is there to say it."""
    chances = np.exp(scores)
    says = (chances + chances[:, :1]) * np.abs(scores - scores[:, :1])
    return np.asarray(says.max(axis=1))


def _key(text: str) -> np.uint32:
    *_, whole = runs(np.frombuffer(text.encode("utf-32-le"), np.uint32))
    return np.uint32(whole[0])
