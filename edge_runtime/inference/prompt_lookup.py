"""Drafts of what comes next, copied from where the same tokens stood before."""

from __future__ import annotations

from collections.abc import Iterable

_NGRAM = 3
# with the token before it, a draft is read in a forward of 2, 4, 8 or 16 tokens: lengths for which
# all kernels give a token the same bits, 4-bit ones included
_LENGTHS = (1, 3, 7, 15)
_FIRST = 1  # place of the length to begin with
_LONGEST_PAUSE = 64


class PromptLookup:
    """Proposes the tokens that followed the last ``_NGRAM`` ones when they last stood together.

    Work that repeats its input (summaries, extraction, JSON, edits of code) is decoded several
    tokens at a time (prompt lookup decoding, Saxena 2023). Drafts grow as long as they are right;
    after wrong ones there are none for a while, so that other work loses next to nothing.

    ``reads_ahead`` says whether drafts are read at once. If not, the tokens that they cover are
    read one by one, by the same kernels: what is written is the same, bit by bit.
    """

    def __init__(self, tokens: Iterable[int], *, reads_ahead: bool = True) -> None:
        self.reads_ahead = reads_ahead
        self._tokens: list[int] = []
        self._ends: dict[tuple[int, ...], int] = {}
        self._length = _FIRST
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
        longest = min(most, _LENGTHS[self._length])
        length = max((each for each in _LENGTHS if each <= longest), default=0)
        period = len(self._tokens) - end  # past its end, the sequence is taken to repeat itself
        return [self._tokens[end + index % period] for index in range(length)]

    def learn(self, accepted: int, proposed: int) -> None:
        """Take note of how many tokens of a draft were right."""
        if proposed == 0:
            return
        if accepted == proposed:
            self._length = min(len(_LENGTHS) - 1, self._length + 1)
        elif 2 * accepted < proposed:
            self._length = _FIRST
        if accepted > 0:
            self._pause = 1
        else:
            self._wait, self._pause = self._pause, min(_LONGEST_PAUSE, 2 * self._pause)
