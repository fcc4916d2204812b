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
    prompt_read: Callable[[], None] = lambda: None,
) -> Iterator[int]:
    """Yield the tokens that follow, an end token included.

    ``prompt`` is what the decoder has not read yet, one token at least. ``lookup`` knows the whole
    sequence; what it proposes is read together with the last token, and counts only as far as it
    is what would have been chosen anyway. Nothing more comes once ``interrupted`` says so.
    ``prompt_read`` is called when the decoder has read the prompt and nothing else.

    Raises:
        BadRequestError: the prompt is longer than the model can read.
        BundleError: the graph fails.
    """
    for piece in pieces(prompt):
        if interrupted():
            return
        rows = decoder.forward(piece)
    prompt_read()
    taken = _agreed(decoder, rows, (), choice)
    while True:
        forced = choice.forced()
        if lookup is not None:
            for token in (*taken, *forced):
                lookup.add(token)
        yield from (*taken, *forced)
        room = decoder.max_length - decoder.length - 1 - len(forced)
        if choice.is_finished or room < 0 or interrupted():
            return
        draft: list[int] = []
        if lookup is not None and not forced:
            draft = lookup.propose(min(room, choice.left - 1))
        if lookup is not None and draft and not lookup.reads_ahead:
            taken = _one_by_one(decoder, taken[-1], draft, choice, interrupted)
        else:
            rows = decoder.forward([taken[-1], *forced, *draft], keep=len(draft) + 1)
            taken = _agreed(decoder, rows, draft, choice)
        if lookup is not None:
            lookup.learn(len(taken) - 1, len(draft))


def pieces(prompt: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield a prompt in parts of at most ``PREFILL_TOKENS``, alike in length.

    A part of a single token would be computed by other kernels.
    """
    count = max(1, -(-len(prompt) // PREFILL_TOKENS))
    ends = [len(prompt) * index // count for index in range(count + 1)]
    for start, end in itertools.pairwise(ends):
        yield prompt[start:end]


def _agreed(decoder: Decoder, rows: Floats, draft: Sequence[int], choice: Choice) -> list[int]:
    """Return the token after the last certain one, and more as far as a draft is right.

    ``rows [1 + draft, vocabulary]`` follow the last certain token and each of the draft. The
    decoder is left with what is certain, except for the last token returned.
    """
    certain = decoder.length - len(draft)
    taken: list[int] = []
    for index, row in enumerate(rows):
        choice.rule_out(row)
        taken.append(choice.take(row))
        if choice.is_finished or index == len(draft) or taken[-1] != draft[index]:
            decoder.rewind(certain + index)
            break
    return taken


def _one_by_one(
    decoder: Decoder,
    token: int,
    draft: Sequence[int],
    choice: Choice,
    interrupted: Interrupted,
) -> list[int]:
    """Return what ``_agreed`` does after reading ``token`` and a draft, without reading ahead.

    Reading one token, other kernels would compute it, with a little difference in the logits. So
    each is read twice, and the second one forgotten.
    """
    taken: list[int] = []
    for expected in (*draft, None):
        row = decoder.forward([token, token], keep=2)[0]
        decoder.rewind(decoder.length - 1)
        choice.rule_out(row)
        token = choice.take(row)
        taken.append(token)
        if choice.is_finished or token != expected or interrupted():
            break
    return taken
