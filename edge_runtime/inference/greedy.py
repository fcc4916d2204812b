"""Greedy decoding: the most likely token, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from edge_runtime.bundles.derive import read_json
from edge_runtime.inference.decoder import Decoder


class GenerationConfig(msgspec.Struct, frozen=True):
    """What a model's files say about its decoding (Hugging Face ``generation_config.json``).

    ``banned`` tokens are never chosen; ``start`` begins an encoder-decoder's output, ``first`` and
    ``last`` are forced at its first and at its last place.
    """

    eos: list[int]
    start: int | None = None
    first: int | None = None
    last: int | None = None
    banned: list[int] = []

    @classmethod
    def read(cls, directory: Path) -> GenerationConfig:
        """Read ``generation_config.json``, and ``config.json`` for what is not in it.

        Raises:
            BundleError: a file cannot be read.
        """
        values = read_json(directory / "config.json")
        path = directory / "generation_config.json"
        if path.is_file():
            values |= {key: v for key, v in read_json(path).items() if v is not None}
        eos = values.get("eos_token_id")
        banned = [words[0] for words in values.get("bad_words_ids") or [] if len(words) == 1]
        return cls(
            eos=eos if isinstance(eos, list) else [] if eos is None else [eos],
            start=values.get("decoder_start_token_id", values.get("bos_token_id")),
            first=values.get("forced_bos_token_id"),
            last=values.get("forced_eos_token_id"),
            banned=banned,
        )


def greedy(
    decoder: Decoder, prompt: Sequence[int], config: GenerationConfig, most: int
) -> Iterator[int]:
    """Yield at most ``most`` tokens after the prompt, an end token included.

    Raises:
        BadRequestError: the prompt is longer than the model can read.
        BundleError: the graph fails.
    """
    ids = prompt
    for count in range(most):
        logits = decoder.forward(ids)[-1]
        logits[config.banned] = -np.inf
        token = int(logits.argmax())
        if count == 0 and config.first is not None:
            token = config.first
        elif count == most - 1 and config.last is not None:
            token = config.last
        yield token
        if token in config.eos:
            return
        ids = [token]
