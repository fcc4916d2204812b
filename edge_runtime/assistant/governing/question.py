"""What the decision has to know of a text."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from edge_runtime.assistant.reading import Reading
from edge_runtime.bundles.manifest import Manifest
from edge_runtime.messages import Request
from edge_runtime.routing.decision import Question
from edge_runtime.routing.language import identify
from edge_runtime.routing.rules import NONE, UNKNOWN, Facts
from edge_runtime.tasks.embedding import text_vector
from edge_runtime.tasks.encoder import Encoder, Floats

_HEAD = "embedding"
_KEPT = 256  # vectors of descriptions


def question_of(
    request: Request,
    reading: Reading,
    manifest: Manifest,
    nearness: Mapping[str, float] | None,
    *,
    follows: bool = False,
) -> Question:
    """Return the question; the language is what the request says it is, else what it looks like."""
    heads = manifest.heads
    is_tagged = "entities" in heads or "pii" in heads
    labels = frozenset(each.label for each in (*reading.entities, *reading.personal))
    language = request.lang or identify(request.text, manifest.languages or ("en",))[0]
    facts = Facts(
        client=request.client,
        text=request.text,
        intent=reading.intent.label,
        command=(reading.command or NONE) if "command" in heads else None,
        entities=labels if is_tagged else None,
        language=language or UNKNOWN,
        nearness=nearness,
    )
    return Question(
        facts,
        reading.confidence,
        reading.head,
        reading.calibration,
        manifest.languages,
        reading.difficulty,
        follows,
    )


class Nearness:
    """The cosines of texts with descriptions in the space of the embedding head."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._vectors: dict[str, Floats] = {}
        self._lock = threading.Lock()

    def __call__(self, text: str, descriptions: Sequence[str]) -> dict[str, float] | None:
        """Return the cosine with each description; None when the bundle has no such head."""
        if not descriptions:
            return {}
        if _HEAD not in self._encoder.bundle.manifest.heads:
            return None
        vector = self._read(text)
        return {each: round(float(self._known(each) @ vector), 4) for each in descriptions}

    def _known(self, description: str) -> Floats:
        with self._lock:
            found = self._vectors.get(description)
        if found is None:
            found = self._read(description)
            with self._lock:
                if len(self._vectors) >= _KEPT:
                    self._vectors.clear()
                self._vectors[description] = found
        return found

    def _read(self, text: str) -> Floats:
        # alone: beside others, an int8 model would give what depends on them
        return text_vector(_HEAD, self._encoder.encode([text], [_HEAD])[0])
