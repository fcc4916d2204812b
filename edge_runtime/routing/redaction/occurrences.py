"""Where else a value stands that is taken out already: nothing may leave a second time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from edge_runtime.routing.redaction.findings import Finding
from edge_runtime.routing.redaction.words import folded, tokens

_LONGEST = 32  # words; of a longer value its first ones are looked for, so that time stays linear
_SHORTEST_NAME = 3  # letters of a part of a name that is looked for on its own


@dataclass
class _Node:
    """Words that may follow; ``ends`` are the values that end here, spelled as they were."""

    following: dict[str, _Node] = field(default_factory=dict)
    kind: str | None = None
    ends: set[str] = field(default_factory=set)


class Occurrences:
    """Values to look for, by their words: white space and letter case do not matter.

    A single word in small letters is found only as it was spelled: ``will`` is not ``Will``.
    """

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, kind: str, value: str) -> None:
        """Look for a value too; for a person also for each capitalized part of the name."""
        self._add(kind, value)
        if kind == "PERSON":
            words = [value[start:end] for start, end in tokens(value)]
            for word in words if len(words) > 1 else ():
                if len(word) >= _SHORTEST_NAME and word[0].isupper() and word.isalpha():
                    self._add(kind, word)

    def _add(self, kind: str, value: str) -> None:
        node = self._root
        for word in folded(value)[:_LONGEST]:
            node = node.following.setdefault(word, _Node())
        if node is not self._root:
            node.kind = node.kind or kind
            node.ends.add(value)

    def find(self, text: str, taken: Iterable[Finding]) -> list[Finding]:
        """Return the places of the values outside of what is taken, in order, longest first."""
        if not self._root.following:
            return []
        spans = list(_free(tokens(text), taken))
        words = ["" if span is None else text[span[0] : span[1]].casefold() for span in spans]
        found: list[Finding] = []
        index = 0
        while index < len(spans):
            length, kind = self._longest(text, spans, words, index)
            if length:
                first, last = spans[index], spans[index + length - 1]
                if first and last:
                    found.append(Finding(first[0], last[1], kind))
            index += max(length, 1)
        return found

    def _longest(
        self,
        text: str,
        spans: list[tuple[int, int] | None],
        words: list[str],
        index: int,
    ) -> tuple[int, str]:
        node, length, kind = self._root, 0, ""
        for end in range(index, min(index + _LONGEST, len(words))):
            following = node.following.get(words[end])
            if following is None:
                break
            node = following
            if node.kind is not None and (end > index or _counts(text, spans[end], node.ends)):
                length, kind = end - index + 1, node.kind
        return length, kind


def _counts(text: str, span: tuple[int, int] | None, ends: set[str]) -> bool:
    if span is None:
        return False
    word = text[slice(*span)]
    return word in ends or not word.islower()


def _free(
    spans: list[tuple[int, int]], taken: Iterable[Finding]
) -> Iterator[tuple[int, int] | None]:
    """Yield the words outside of what is taken, and None where something is."""
    following = iter(taken)
    current = next(following, None)
    for start, end in spans:
        while current is not None and current.end <= start:
            yield None
            current = next(following, None)
        if current is None or end <= current.start:
            yield (start, end)
