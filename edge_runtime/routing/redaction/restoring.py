"""Placeholders in an answer become what they stand for, in whole texts and in streams."""

from __future__ import annotations

import re
from collections.abc import Mapping

from edge_runtime.routing.redaction.forms import Forms, forms


def restore(text: str, placeholders: Mapping[str, str]) -> str:
    """Put the originals back, in one pass: what they hold is never restored again.

    A placeholder is known in another letter case, without its brackets, escaped for Markdown, HTML
    or JSON, and with an ending (``<PERSON_1>'s``, ``<PERSON_1's>``). One that is not in
    ``placeholders``, or that was text of the user from the start, stays as it is.
    """
    restorer = Restorer(placeholders)
    return restorer.feed(text) + restorer.flush()


class Restorer:
    """Restores a text that comes in pieces; the pieces joined are what ``restore`` returns.

    Only what may be the beginning of a placeholder is held back.
    """

    def __init__(self, placeholders: Mapping[str, str]) -> None:
        self._values = placeholders
        self._forms: Forms | None = forms(placeholders) if placeholders else None
        self._held = ""
        self._before = ""  # the sign before what is held: a placeholder starts no word's middle

    def feed(self, piece: str) -> str:
        """Take a piece and return what is certain by now."""
        return self._advance(piece, is_last=False)

    def flush(self) -> str:
        """Return what was held back; the text has ended."""
        return self._advance("", is_last=True)

    def _advance(self, piece: str, *, is_last: bool) -> str:
        if self._forms is None:
            return piece
        text = self._before + self._held + piece
        start = position = len(self._before)
        end = len(text)
        if not is_last and (begun := self._forms.begun.search(text, start)) is not None:
            end = begun.start()
        parts: list[str] = []
        for match in self._forms.written.finditer(text, start):
            if match.end() > end:
                end = min(end, match.start())
                break
            parts += [text[position : match.start()], self._value(match)]
            position = match.end()
        parts.append(text[position:end])
        self._before = text[max(end - 1, 0) : end]
        self._held = text[end:]
        return "".join(parts)

    def _value(self, match: re.Match[str]) -> str:
        name, ending = Forms.parts(match)
        value = self._values.get(name)
        return match.group() if value is None or value == name else value + ending
