"""Ways to find what is private: patterns, the heads of a bundle, and both as shipped."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence

from tqdm import tqdm

from edge_runtime.messages import Entity
from edge_runtime.routing.redaction.findings import Finding, of_entities
from edge_runtime.routing.redaction.patterns import find_private, of_patterns
from edge_runtime.routing.redaction.redacting import Redacted, redact
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.tagging import tag

_HEADS = ("pii", "entities")
_ROUNDS = 5

_Way = Callable[[str, Sequence[Entity], Collection[str]], list[Finding]]
WAYS: dict[str, _Way] = {
    "patterns only": lambda text, _, kinds: of_patterns(text, kinds),
    "model only": of_entities,
    "both": find_private,
}


class Redacting:
    """Redacts texts in each way; a text is read by the model once."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._heads = {
            name: head for name, head in encoder.bundle.manifest.heads.items() if name in _HEADS
        }
        self._known: dict[str, list[Entity]] = {}

    @property
    def heads(self) -> list[str]:
        """The heads of the bundle that mark what may be private."""
        return list(self._heads)

    def read(self, texts: Iterable[str], title: str) -> None:
        """Let the model read texts, with progress on stderr."""
        for text in tqdm(list(texts), desc=title, unit="text", file=sys.stderr):
            if text not in self._known:
                encoding = self._encoder.encode([text], list(self._heads))[0]
                tagged = [tag(name, head, encoding) for name, head in self._heads.items()]
                self._known[text] = [entity for entities in tagged for entity in entities]

    def redacted(self, way: str, text: str, kinds: Collection[str]) -> Redacted:
        """Return what would leave of a text that was read."""
        return redact(text, WAYS[way](text, self._known[text], kinds))


def pattern_ms_per_kb(texts: Sequence[str]) -> float:
    """Return how long finding by patterns and redacting takes per 1024 characters, at best."""
    size_kb = sum(map(len, texts)) / 1024
    times = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for text in texts:
            redact(text, of_patterns(text))
        times.append(time.perf_counter() - started)
    return 1e3 * min(times) / size_kb
