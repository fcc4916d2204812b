"""Tokens to text as they come: only what no later token can change, and nothing of a stop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from edge_runtime.errors import BadRequestError

_REPLACEMENT = "\ufffd"
_MOST_UNSURE = 32  # characters: a run of eight emoji in bytes
_CONTEXT = 8  # tokens
_SLACK = 16
_LONGEST_CHARACTER = 4  # bytes, and so tokens


class TextStream:
    """The text of one generation, piece by piece.

    All pieces together are ``decode`` of all tokens, or what stands before the first stop string
    in it: the one that is complete first, and of those that end together the longest. ``stopped``
    is that stop string. ``decode`` is a tokenizer's, special tokens left out. ``byte_tokens`` are
    those of a tokenizer with byte fallback (``<0x00>`` to ``<0xFF>``): its decoder shows a run of
    them as replacement characters as long as it ends within a character, so a run is held back
    until it is over. The text goes on where that of the tokens ``after`` which it stands ends: a
    decoder takes the space off a text's beginning. The cost of a token does not grow with the text.

    Raises:
        BadRequestError: a stop string is empty.
    """

    def __init__(
        self,
        decode: Callable[[Sequence[int]], str],
        stop: Sequence[str] = (),
        *,
        byte_tokens: Collection[int] = (),
        after: Sequence[int] = (),
    ) -> None:
        if "" in stop:
            raise BadRequestError("a stop string is empty; leave it out")
        self._decode = decode
        self._stop = tuple(dict.fromkeys(stop))
        self._byte_tokens = frozenset(byte_tokens)
        self._window: list[int] = list(after[-_CONTEXT:])
        self._shown = len(decode(self._window)) if after else 0  # characters of the window's text
        self._held = ""
        self.stopped: str | None = None

    def push(self, token: int) -> str:
        """Take the next token, return the text that is now final."""
        if self.stopped is not None:
            return ""
        is_byte = token in self._byte_tokens
        # a space at the start of a text may be left out, so one token alone says nothing
        if not is_byte and not self._decode([token, token]):
            return ""
        self._window.append(token)
        if is_byte:
            return ""
        text = self._decode(self._window)
        unsure = min(len(text) - len(text.rstrip(_REPLACEMENT)), _MOST_UNSURE)
        end = max(self._shown, len(text) - unsure)
        piece, self._shown = text[self._shown : end], end
        self._shorten(text)
        return self._until_stop(piece)

    def finish(self) -> str:
        """Return what was held back, after the last token."""
        if self.stopped is not None:
            return ""
        text = self._decode(self._window)
        piece = self._until_stop(text[self._shown :])
        self._window, self._shown = [], 0
        if self.stopped is None:
            piece, self._held = piece + self._held, ""
        return piece

    def _shorten(self, text: str) -> None:
        """Leave out old tokens, where the text of the others stays what it is.

        A cut within a character shows as a replacement character on both sides, so the sides are
        longer than the whole. They may be shorter: a decoder takes a space off the start.
        """
        pending = len(text) - self._shown
        least = _CONTEXT + _LONGEST_CHARACTER * pending
        if len(self._window) < least + _SLACK:
            return
        for count in range(least, least + _LONGEST_CHARACTER):
            left, right = (self._decode(part) for part in _split(self._window, count))
            if max(pending, 1) <= len(right) <= len(text) - len(left):
                self._window = self._window[-count:]
                self._shown = len(right) - pending
                return

    def _until_stop(self, piece: str) -> str:
        """Return the held text and the piece up to a stop string, or to what may become one."""
        text = self._held + piece
        found = [(at + len(stop), at, stop) for stop in self._stop if (at := text.find(stop)) >= 0]
        if found:
            _, at, self.stopped = min(found)
            self._held = ""
            return text[:at]
        held = max((_overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]


def _split(tokens: list[int], count: int) -> tuple[list[int], list[int]]:
    return tokens[:-count], tokens[-count:]


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of the text that begins the stop string."""
    for size in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
