"""The text of an answer that may hold tool calls, as far as it can be shown while it is written."""

from __future__ import annotations

# what a call may begin with: a tag, a bracket, a fence
_MAY_OPEN = "<[{`"


class ToolText:
    """Holds back the text from the first character on that may begin a call.

    At the end the calls are known, and what else is left of the text comes with ``rest``.
    """

    def __init__(self) -> None:
        self._shown = ""
        self._holds = False

    def push(self, text: str) -> str:
        """Take a piece, return what of it is no call for sure."""
        if self._holds:
            return ""
        end = min((at for char in _MAY_OPEN if (at := text.find(char)) >= 0), default=len(text))
        self._holds = end < len(text)
        self._shown += text[:end]
        return text[:end]

    def rest(self, text: str) -> str:
        """Return what is left to show of the answer's text, which is without the calls.

        Beside calls it has no white space around it, which may have been shown already.
        """
        for shown in (self._shown, self._shown.lstrip()):
            if text.startswith(shown):
                return text[len(shown) :]
        return ""
