"""Token classification: tags on tokens to entities with character spans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge_runtime.bundles.manifest import Head
from edge_runtime.messages import Entity
from edge_runtime.tasks.classification import softmax
from edge_runtime.tasks.encoder import Encoding, Floats
from edge_runtime.tasks.tag_path import best_path

_ENDS = {".", ",", ";", ":", "!", "?"}
_LONGEST_ABBREVIATION = 4  # letters, as in Corp.


@dataclass(frozen=True)
class _Word:
    start: int
    end: int
    tag: str
    score: float


def tag(name: str, head: Head, encoding: Encoding) -> list[Entity]:
    """Return the entities of a text in order; a word takes the tag of its first token.

    The sign that ends a sentence does not belong to the name before it, unless that is short, as
    abbreviations are.
    """
    entities: list[Entity] = []
    open_words: list[_Word] = []
    for word in [*_tagged(name, head, encoding), _Word(0, 0, "O", 1.0)]:
        prefix, label = _split(word.tag)
        if open_words and (prefix != "I" or label != _split(open_words[0].tag)[1]):
            entities.append(_entity(encoding.text, _without_end(encoding.text, open_words)))
            open_words = []
        if label:
            open_words.append(word)
    return entities


def _without_end(text: str, words: list[_Word]) -> list[_Word]:
    if len(words) < 2:  # noqa: PLR2004 - a sign alone
        return words
    last, before = words[-1], words[-2]
    ends = text[last.start : last.end] in _ENDS and last.start == before.end
    return words[:-1] if ends and before.end - before.start > _LONGEST_ABBREVIATION else words


def lowest_score(name: str, head: Head, encoding: Encoding) -> float:
    """Return the probability of the least certain word's tag, 1 for a text without words."""
    return min((word.score for word in _tagged(name, head, encoding)), default=1.0)


def _tagged(name: str, head: Head, encoding: Encoding) -> list[_Word]:
    words = list(_words(name, encoding))
    if not words:
        return []
    scores = softmax(np.stack([logits for _, _, logits in words]))
    if head.strict_tags:
        with np.errstate(divide="ignore"):
            tags = best_path(np.log(scores), tuple(head.labels))
    else:
        tags = scores.argmax(axis=-1)
    return [
        _Word(start, end, head.labels[best], float(scores[row, best]))
        for row, ((start, end, _), best) in enumerate(zip(words, tags.tolist(), strict=True))
    ]


def _words(name: str, encoding: Encoding) -> Iterator[tuple[int, int, Floats]]:
    """Yield start, end and logits of each word's first token.

    Where windows overlap, a word comes once: from the window that has more context for it.
    """
    done = 0
    for index, (window, logits) in enumerate(
        zip(encoding.windows, encoding.outputs[name], strict=True)
    ):
        following = encoding.windows[index + 1 : index + 2]
        limit = _middle(window.offsets, following[0].offsets) if following else len(encoding.text)
        last = -1
        for token, word in enumerate(window.words):
            if word < 0 or token <= last:
                continue
            last = token
            while last + 1 < len(window.words) and window.words[last + 1] == word:
                last += 1
            start, end = window.offsets[token][0], window.offsets[last][1]
            if not done <= start < min(limit, end):
                continue
            done = end
            yield start, end, logits[token]
        done = max(done, limit)


def _middle(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> int:
    """Return the character in the middle of what two neighbouring windows share."""
    shared_end = max(end for _, end in left)
    shared_start = min((start for start, end in right if end > start), default=shared_end)
    return (shared_start + shared_end) // 2


def _split(name: str) -> tuple[str, str]:
    """Return prefix and label of a tag; a tag without a prefix continues what it equals."""
    if name == "O":
        return "", ""
    prefix, dash, label = name.partition("-")
    return (prefix, label) if dash and prefix in {"B", "I"} else ("I", name)


def _entity(text: str, words: list[_Word]) -> Entity:
    start, end = words[0].start, words[-1].end
    score = sum(word.score for word in words) / len(words)
    return Entity(start, end, _split(words[0].tag)[1], text[start:end], round(score, 4))
