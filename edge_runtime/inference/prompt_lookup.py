"""Drafts of what comes next, copied from where the same tokens stood before."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 15  # tokens; one forward of 16 costs as much as two to three of one
_SHORTEST = 3
_NGRAM = 3
_LONGEST_PAUSE = 64


class PromptLookup:
    """Proposes the tokens that followed the last ``_NGRAM`` ones when they last stood together.

    Work that repeats its input (summaries, extraction, JSON, edits of code) is decoded several
    tokens at a time (prompt lookup decoding, Saxena 2023). Drafts grow as long as they are right;
    after wrong ones there are none for a while, so that other work loses next to nothing.
    """

    def __init__(self, tokens: Iterable[int]) -> None:
        self._tokens: list[int] = []
        self._ends: dict[tuple[int, ...], int] = {}
        self._length = _SHORTEST
        self._pause = 1
        self._wait = 0
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        """Append a token of the sequence."""
        if len(self._tokens) >= _NGRAM:
            self._ends[tuple(self._tokens[-_NGRAM:])] = len(self._tokens)
        self._tokens.append(token)

    def propose(self, most: int) -> list[int]:
        """Return at most ``most`` tokens that may come next, often none."""
        if self._wait > 0:
            self._wait -= 1
            return []
        end = self._ends.get(tuple(self._tokens[-_NGRAM:]))
        if end is None:
            return []
        return self._tokens[end : end + min(most, self._length)]

    def learn(self, accepted: int, proposed: int, *, read_again: int = 0) -> None:
        """Take note of how many tokens of a draft were right, and how many were read twice."""
        if read_again > 1 or 2 * accepted < proposed:
            self._length = _SHORTEST
            self._wait, self._pause = self._pause, min(_LONGEST_PAUSE, 2 * self._pause)
        elif accepted == proposed > 0:
            self._length = min(_LONGEST, 2 * self._length + 1)
            self._pause = 1
