"""How much more a word's letters belong to one language than to English: n-grams and their weights.

The weights are those of py3langid's model, a naive Bayes over byte n-grams, for the languages of
``LANGUAGES``; ``edge_export.language_table`` takes them out and says which are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

LANGUAGES = (
    "en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "da", "no", "fi", "cs", "hu", "ro", "tr",
)  # fmt: skip
LONGEST = 6  # characters of an n-gram
STEPS = 12.0  # of a stored weight are one nat
_SHIPPED = Path(__file__).parent.parent / "data" / "language" / "ngrams.npz"
_PRIME = np.uint32(16777619)  # of FNV-1a


def runs(codes: npt.NDArray[np.uint32]) -> Iterator[npt.NDArray[np.uint32]]:
    """Yield hashes of all runs of 1, 2, up to ``LONGEST`` code points, as far as there are any.

    Shape ``[len(codes) - length + 1]``.
    """
    found = np.zeros(len(codes), np.uint32)
    for length in range(1, min(LONGEST, len(codes)) + 1):
        found = (found[: len(codes) - length + 1] ^ codes[length - 1 :]) * _PRIME
        yield found


class NgramTable:
    """``known`` are hashes of n-grams, rising; ``weights`` has a row for each of them.

    A weight is the n-gram's log odds of a language against English, in ``STEPS``.
    """

    def __init__(self, known: npt.NDArray[np.uint32], weights: npt.NDArray[np.int8]) -> None:
        self._known = known
        self._weights = np.vstack([weights, np.zeros((1, len(LANGUAGES)), np.int8)])

    @classmethod
    def read(cls, path: Path) -> NgramTable:
        """Read what ``edge_export.language_table`` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(arrays["known"], arrays["weights"])

    def evidence(self, words: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return the log odds of each word: ``[words, languages]``, in nats, English is 0.

        The longest n-gram that ends at a character counts, and may reach into words before.
        """
        if not words:
            return np.zeros((0, len(LANGUAGES)))
        text = f" {' '.join(words)} "
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        rows = np.full(len(codes), len(self._known))
        for i, wanted in enumerate(runs(codes)):
            places = self._known.searchsorted(wanted)
            places[places == len(self._known)] = 0
            hits = self._known[places] == wanted
            rows[i:][hits] = places[hits]
        ends = np.cumsum([0, *(len(word) + 1 for word in words[:-1])])
        # the blank before the first word goes with it, each other one with the word before it
        return np.add.reduceat(self._weights[rows].astype(np.float64), ends + (ends > 0)) / STEPS


@lru_cache(maxsize=1)
def default_table() -> NgramTable:
    """Return the table that comes with the package, opened when it is first asked for."""
    return NgramTable.read(_SHIPPED)
