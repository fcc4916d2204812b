"""Text to token ids, with the character span of every token."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import tokenizers

from edge_runtime.errors import BadRequestError, BundleError
from edge_runtime.inference.words import Span, split_words, trim, trimmed

TokenTypes = Literal["zero", "case"]

_STRIDE = 32  # tokens that two neighbouring windows of a long text share


@dataclass(frozen=True)
class Window:
    """Tokens of one text, or of a part of it that fits the model.

    ``ids`` and ``type_ids`` have shape ``[tokens]``; ``offsets`` are character spans in the text,
    without the white space around them; ``words`` number the words, -1 for special tokens. All
    lists have one entry per token.
    """

    text_index: int
    ids: npt.NDArray[np.int64]
    type_ids: npt.NDArray[np.int64]
    offsets: list[Span]
    words: list[int]


class Tokenizer:
    """A ``tokenizer.json`` with the model's length limit, None for none; threads may share it.

    ``token_types`` says what goes into ``token_type_ids``: zeros, or the letter case of each word
    (0 lower or none, 1 capitalised, 2 upper, 3 mixed) for an uncased encoder that was trained so.

    Raises:
        BundleError: the file is not a tokenizer.
    """

    def __init__(
        self, path: Path, *, max_length: int | None = None, token_types: TokenTypes = "zero"
    ) -> None:
        self._tokenizer = _load(path)
        self._max_length = max_length
        self._token_types = token_types
        self.pad_id = _pad_id(self._tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        if max_length is not None:
            self._tokenizer.enable_truncation(max_length, stride=min(_STRIDE, max_length // 4))
        # BERT's own splitting is what its models were trained with: no spaces, no punctuation
        splitting = type(self._tokenizer.pre_tokenizer).__name__
        self._splits_all = splitting == "BertPreTokenizer"
        self._cutter: tokenizers.Tokenizer | None = None
        self._cutting = threading.Lock()

    def windows(self, texts: Sequence[str]) -> list[Window]:
        """Return the windows of all texts in order, at least one for each text.

        Raises:
            BadRequestError: a text holds a lone surrogate, or nothing that becomes a token.
        """
        if len(texts) == 1:
            encodings = [self._encode(texts[0])]
        else:
            _check_unicode(texts)
            encodings = self._tokenizer.encode_batch(list(texts))
        windows = []
        for index, encoding in enumerate(encodings):
            text = texts[index]
            for part in [encoding, *encoding.overflowing]:
                ids = np.array(part.ids, dtype=np.int64)
                if not ids.size:
                    raise BadRequestError("the text holds nothing that the model can read")
                offsets, words = self._spans(text, part)
                windows.append(Window(index, ids, self._types(text, offsets, words),
                                      offsets, words))  # fmt: skip
        return windows

    def pair_windows(self, question: str, context: str) -> list[Window]:
        """Return windows of a question with as much of the context as fits beside it.

        ``type_ids`` are the tokenizer's; ``offsets`` are spans in the context, and ``words`` is -1
        for every token that is not of the context.

        Raises:
            BadRequestError: the question alone fills the model, or a text holds a lone surrogate.
        """
        whole = self._encode(question, context)
        spare = len(whole.ids) - sum(part == 1 for part in whole.sequence_ids)
        parts = [whole]
        if whole.overflowing or (self._max_length is not None and spare >= self._max_length):
            parts = self._cut_pair(question, context)
        return [self._pair_window(part, context) for part in parts]

    def _cut_pair(self, question: str, context: str) -> list[tokenizers.Encoding]:
        limit = self._max_length or 0
        room = limit - len(self._encode(question).ids)
        if room < limit // 4:
            raise BadRequestError(
                f"the question is too long: with it, {room} of {limit} tokens are left for the text"
            )
        # a tokenizer of its own: its limits must not change while another thread uses it
        with self._cutting:
            if self._cutter is None:
                self._cutter = tokenizers.Tokenizer.from_str(self._tokenizer.to_str())
            self._cutter.enable_truncation(
                limit, stride=min(_STRIDE, room // 4), strategy="only_second"
            )
            whole = self._cutter.encode(question, context)
        return [whole, *whole.overflowing]

    def ids(self, text: str, *, special: bool = True) -> list[int]:
        """Return the token ids of a text, with the special tokens that the model wants or without.

        Special tokens that are written out in the text are taken for what they are.
        """
        return list(self._encode(text, special=special).ids)

    @property
    def vocabulary(self) -> int:
        """The number of tokens, special ones included."""
        return int(self._tokenizer.get_vocab_size())

    @property
    def byte_tokens(self) -> frozenset[int]:
        """The ids of the tokens ``<0x00>`` to ``<0xFF>``, for bytes that no other token covers."""
        named = (self._tokenizer.token_to_id(f"<0x{byte:02X}>") for byte in range(256))
        return frozenset(token for token in named if token is not None)

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of token ids, special tokens left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def _encode(self, *texts: str, special: bool = True) -> tokenizers.Encoding:
        try:
            return self._tokenizer.encode(*texts, add_special_tokens=special)
        except TypeError:  # also for what is no text at all
            _check_unicode(texts)
            raise

    def _spans(self, text: str, part: tokenizers.Encoding) -> tuple[list[Span], list[int]]:
        words = [-1 if word is None else word for word in part.word_ids]
        if self._splits_all:
            return part.offsets, words
        offsets = trimmed(text, part.offsets)
        return offsets, split_words(text, offsets, words)

    def _pair_window(self, part: tokenizers.Encoding, context: str) -> Window:
        inside = [side == 1 for side in part.sequence_ids]
        offsets = [
            trim(context, *span) if own else span
            for span, own in zip(part.offsets, inside, strict=True)
        ]
        return Window(
            text_index=0,
            ids=np.array(part.ids, dtype=np.int64),
            type_ids=np.array(part.type_ids, dtype=np.int64),
            offsets=offsets,
            words=[
                word if own and word is not None else -1
                for word, own in zip(part.word_ids, inside, strict=True)
            ],
        )

    def _types(self, text: str, offsets: list[Span], words: list[int]) -> npt.NDArray[np.int64]:
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


def _load(path: Path) -> tokenizers.Tokenizer:
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as exc:  # tokenizers raises bare Exception
        raise BundleError(f"{path} is not a tokenizer: {exc}") from exc


def _pad_id(tokenizer: tokenizers.Tokenizer) -> int:
    declared = tokenizer.padding
    if declared:
        return int(declared["pad_id"])
    known = (tokenizer.token_to_id(name) for name in ("[PAD]", "<pad>"))
    return next((number for number in known if number is not None), 0)


def _check_unicode(texts: Sequence[str]) -> None:
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as exc:
            raise BadRequestError(
                f"the text is not valid Unicode: it holds a lone surrogate (character {exc.start})"
            ) from exc


def _letter_case(word: str) -> int:
    if word == word.lower():
        return 0
    if word[:1].isupper() and word[1:] == word[1:].lower():
        return 1
    return 2 if word == word.upper() else 3
