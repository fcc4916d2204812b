"""Text to token ids, with the character span of every token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import tokenizers

from edge_runtime.errors import BundleError

TokenTypes = Literal["zero", "case"]

_STRIDE = 32  # tokens that two neighbouring windows of a long text share


@dataclass(frozen=True)
class Window:
    """Tokens of one text, or of a part of it that fits the model.

    ``ids`` and ``type_ids`` have shape ``[tokens]``; ``offsets`` are character spans in the text;
    ``words`` number the words, -1 for special tokens. All lists have one entry per token.
    """

    text_index: int
    ids: npt.NDArray[np.int64]
    type_ids: npt.NDArray[np.int64]
    offsets: list[tuple[int, int]]
    words: list[int]


class Tokenizer:
    """A ``tokenizer.json`` with the model's length limit.

    ``token_types`` says what goes into ``token_type_ids``: zeros, or the letter case of each word
    (0 lower or none, 1 capitalised, 2 upper, 3 mixed) for an uncased encoder that was trained so.

    Raises:
        BundleError: the file is not a tokenizer.
    """

    def __init__(self, path: Path, *, max_length: int, token_types: TokenTypes = "zero") -> None:
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as exc:  # tokenizers raises bare Exception
            raise BundleError(f"{path} is not a tokenizer: {exc}") from exc
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length, stride=min(_STRIDE, max_length // 4))
        self._token_types = token_types
        padding = self._tokenizer.token_to_id("[PAD]")
        self.pad_id: int = 0 if padding is None else padding

    def windows(self, texts: Sequence[str]) -> list[Window]:
        """Return the windows of all texts in order, at least one for each text."""
        windows = []
        for index, encoding in enumerate(self._tokenizer.encode_batch(list(texts))):
            for part in [encoding, *encoding.overflowing]:
                words = [-1 if word is None else word for word in part.word_ids]
                windows.append(
                    Window(
                        text_index=index,
                        ids=np.array(part.ids, dtype=np.int64),
                        type_ids=self._types(texts[index], part.offsets, words),
                        offsets=part.offsets,
                        words=words,
                    )
                )
        return windows

    def _types(
        self, text: str, offsets: list[tuple[int, int]], words: list[int]
    ) -> npt.NDArray[np.int64]:
        types = np.zeros(len(words), dtype=np.int64)
        if self._token_types == "zero":
            return types
        start = 0
        while start < len(words):
            end = start + 1
            if words[start] >= 0:
                while end < len(words) and words[end] == words[start]:
                    end += 1
                types[start:end] = _letter_case(text[offsets[start][0] : offsets[end - 1][1]])
            start = end
        return types


def _letter_case(word: str) -> int:
    if word == word.lower():
        return 0
    if word[:1].isupper() and word[1:] == word[1:].lower():
        return 1
    return 2 if word == word.upper() else 3
