"""The loop: read the prompt, choose a token, read it, choose the next."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from edge_runtime.inference.choice import Choice
from edge_runtime.inference.decoder import PREFILL_TOKENS, Decoder
from edge_runtime.inference.prompt_lookup import PromptLookup

Floats = npt.NDArray[np.float32]
Interrupted = Callable[[], bool]


def generate(
    decoder: Decoder,
    prompt: Sequence[int],
    choice: Choice,
    *,
    lookup: PromptLookup | None = None,
    interrupted: Interrupted = lambda: False,
) -> Iterator[int]:
    """Yield the tokens that follow, an end token included.

    ``prompt`` is what the decoder has not read yet, one token at least. ``lookup`` knows the whole
    sequence; what it proposes is read together with the last token, and counts only as far as it
    is what would have been chosen anyway. ``interrupted`` is asked before each forward; then
    nothing more comes.

    Raises:
        BadRequestError: the prompt is longer than the model can read.
        BundleError: the graph fails.
    """
    for piece in pieces(prompt):
        if interrupted():
            return
        rows = decoder.forward(piece)
    reading = _Reading(decoder)
    draft: list[int] = []
    while True:
        taken = _agreed(reading, rows, draft, choice)
        forced = choice.forced()
        if lookup is not None:
            lookup.learn(len(taken) - 1, len(draft), read_again=reading.read_again)
            for token in (*taken, *forced):
                lookup.add(token)
        yield from (*taken, *forced)
        room = decoder.max_length - decoder.length - 1 - len(forced)
        if choice.is_finished or room < 0 or interrupted():
            return
        draft = []
        if lookup is not None and not forced:
            draft = lookup.propose(min(room, choice.left - 1))
        rows = reading.read([taken[-1], *forced], draft)


def pieces(prompt: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield a prompt in parts of at most ``PREFILL_TOKENS``, alike in length.

    A part of a single token would be computed by other kernels.
    """
    count = max(1, -(-len(prompt) // PREFILL_TOKENS))
    ends = [len(prompt) * index // count for index in range(count + 1)]
    for start, end in itertools.pairwise(ends):
        yield prompt[start:end]


class _Reading:
    """Reads tokens with a draft behind them, and can read again what a draft was read with.

    Tokens that are read together have slightly other keys and values than read one by one, and
    slightly other logits. ``is_exact`` as long as all were read as without drafts.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._exact_length = decoder.length
        self._since: list[Sequence[int]] = []  # as decoding without drafts would have read them
        self._draft: Sequence[int] = ()
        self.read_again = 0  # tokens, since the last forward

    @property
    def is_exact(self) -> bool:
        """Whether the last logits are those of decoding without drafts."""
        return not self._since

    def read(self, piece: Sequence[int], draft: Sequence[int]) -> Floats:
        """Return the logits ``[1 + draft, vocabulary]`` after a piece and each token of a draft."""
        rows = self._decoder.forward([*piece, *draft], keep=len(draft) + 1)
        self._draft = draft
        self.read_again = 0
        if draft or self._since:
            self._since.append(piece)
        else:
            self._exact_length = self._decoder.length
        return rows

    def keep(self, count: int) -> None:
        """Forget the last draft but for its first ``count`` tokens."""
        self._decoder.rewind(self._decoder.length - len(self._draft) + count)
        self._since.extend([token] for token in self._draft[:count])
        self._draft = ()

    def exactly(self, count: int) -> Floats:
        """Return the logits after ``count`` tokens of the draft, all read as without drafts."""
        self.keep(count)
        self._decoder.rewind(self._exact_length)
        for piece in self._since:
            rows = self._decoder.forward(piece)
        self.read_again = self._decoder.length - self._exact_length
        self._exact_length = self._decoder.length
        self._since.clear()
        alone: Floats = rows[-1]
        return alone


def _agreed(reading: _Reading, rows: Floats, draft: Sequence[int], choice: Choice) -> list[int]:
    """Return the token after the last certain one, and more as far as a draft is right.

    ``rows [1 + draft, vocabulary]`` follow the last certain token and each of the draft. What was
    read is in the end what is certain, except for the last token returned.
    """
    taken: list[int] = []
    for index, row in enumerate(rows):
        choice.rule_out(row)
        if not reading.is_exact and choice.is_close(row):
            exact = reading.exactly(index)
            choice.rule_out(exact)
            return [*taken, choice.take(exact)]
        taken.append(choice.take(row))
        if choice.is_finished or index == len(draft) or taken[-1] != draft[index]:
            reading.keep(index)
            break
    return taken
