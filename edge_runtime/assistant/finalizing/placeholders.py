"""Whether an answer's placeholders can be filled in: none unknown, none mangled; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from edge_runtime.errors import UnusableAnswerError
from edge_runtime.routing.redaction.forms import Forms, all_forms, kind_and_number, placeholder


def mended(text: str, placeholders: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return a text whose placeholders can all be restored, and what had to be mended.

    A model that writes ``[PERSON_1]`` or ``<PERSON>`` needed the value and has lost the form: it is
    mended where the number, or the only value of the kind, leaves no doubt. Without placeholders
    in the question there is nothing to look for.

    Raises:
        UnusableAnswerError: a placeholder stands for nothing, or it is not certain for what.
    """
    values = {name for name, value in placeholders.items() if value != name}
    if not values:
        return text, []
    kinds = Counter(kind_and_number(name)[0] for name in values)
    notes: list[str] = []

    def mend(match: re.Match[str]) -> str:
        written = match.group()
        if written in placeholders or (match.group(3) and written[0] == "<"):
            return written  # in order, or looked at below
        kind, number = match.group(2), match.group(3)
        name = placeholder(kind, int(number) if number else _only(kind, values))
        if name not in values or (not number and kinds[kind] > 1):
            raise UnusableAnswerError(f"its {written} does not say what it stands for")
        notes.append(f"{written} read as {name}")
        return name

    changed = _lost(tuple(sorted(kinds))).sub(mend, text)
    for match in all_forms().written.finditer(changed):
        name, _ = Forms.parts(match)
        if name not in placeholders and not match.group()[0].isalnum():
            raise UnusableAnswerError(f"its placeholder {name} stands for nothing")
    return changed, list(dict.fromkeys(notes))


def _only(kind: str, values: set[str]) -> int:
    return next(number for each, number in map(kind_and_number, values) if each == kind)


def _lost(kinds: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern for these kinds in brackets of any sort, with or without a number."""
    kind = "|".join(kinds)
    return re.compile(
        rf"(<|\[{{1,2}}|\{{{{1,2}}|\()({kind})(?:[_ -]([0-9]{{1,9}}))?(?:>|\]{{1,2}}|\}}{{1,2}}|\))"
    )
