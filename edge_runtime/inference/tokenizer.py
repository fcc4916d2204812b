"""Text to token ids, with the character span of every token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import tokenizers

from edge_runtime.errors import BadRequestError, BundleError

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
    """A ``tokenizer.json`` with the model's length limit, None for none.

    ``token_types`` says what goes into ``token_type_ids``: zeros, or the letter case of each word
    (0 lower or none, 1 capitalised, 2 upper, 3 mixed) for an uncased encoder that was trained so.

    Raises:
        BundleError: the file is not a tokenizer.
    """

    def __init__(
        self, path: Path, *, max_length: int | None = None, token_types: TokenTypes = "zero"
    ) -> None:
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as exc:  # tokenizers raises bare Exception
            raise BundleError(f"{path} is not a tokenizer: {exc}") from exc
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._max_length = max_length
        if max_length is not None:
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

    def pair_windows(self, question: str, context: str) -> list[Window]:
        """Return windows of a question with as much of the context as fits beside it.

        ``type_ids`` are the tokenizer's; ``offsets`` are spans in the context, and ``words`` is -1
        for every token that is not of the context.

        Raises:
            BadRequestError: the question alone fills the model.
        """
        whole = self._tokenizer.encode(question, context)
        spare = len(whole.ids) - sum(part == 1 for part in whole.sequence_ids)
        if whole.overflowing or (self._max_length is not None and spare >= self._max_length):
            return self._cut_pair(question, context)
        return [_pair_window(whole)]

    def _cut_pair(self, question: str, context: str) -> list[Window]:
        limit = self._max_length or 0
        room = limit - len(self._tokenizer.encode(question, add_special_tokens=True).ids)
        if room < limit // 4:
            raise BadRequestError(
                f"the question is too long: with it, {room} of {limit} tokens are left for the text"
            )
        self._tokenizer.enable_truncation(
            limit, stride=min(_STRIDE, room // 4), strategy="only_second"
        )
        try:
            whole = self._tokenizer.encode(question, context)
        finally:
            self._tokenizer.enable_truncation(limit, stride=min(_STRIDE, limit // 4))
        return [_pair_window(part) for part in [whole, *whole.overflowing]]

    def ids(self, text: str) -> list[int]:
        """Return the token ids of a text with the special tokens that the model wants."""
        return list(self._tokenizer.encode(text).ids)

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of token ids, special tokens left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

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


def _pair_window(part: tokenizers.Encoding) -> Window:
    return Window(
        text_index=0,
        ids=np.array(part.ids, dtype=np.int64),
        type_ids=np.array(part.type_ids, dtype=np.int64),
        offsets=part.offsets,
        words=[
            word if side == 1 and word is not None else -1
            for word, side in zip(part.word_ids, part.sequence_ids, strict=True)
        ],
    )


def _letter_case(word: str) -> int:
    if word == word.lower():
        return 0
    if word[:1].isupper() and word[1:] == word[1:].lower():
        return 1
    return 2 if word == word.upper() else 3
