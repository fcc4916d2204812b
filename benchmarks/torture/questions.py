"""What is asked, and what the right answer to it is, so that a mixed-up one is noticed; pure."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

_NUMBER = re.compile(r"\b(?:say|why) (\d+)\b")


@dataclass(frozen=True)
class Question:
    """One request: ``why …`` goes to the large model, ``say …`` is answered on the device.

    ``deadline_s`` is None where there is time enough.
    """

    number: int
    is_escalated: bool
    wants_pieces: bool
    deadline_s: float | None

    @property
    def text(self) -> str:
        """What is sent."""
        return f"{'why' if self.is_escalated else 'say'} {self.number}"

    @property
    def answer(self) -> str:
        """What a right answer says."""
        return because(self.number) if self.is_escalated else said(self.number)


def make_questions(count: int, rng: random.Random) -> list[Question]:
    """Return so many, of which a third escalate; some want pieces, a few have little time."""
    return [
        Question(
            number=number,
            is_escalated=rng.random() < 1 / 3,
            wants_pieces=rng.random() < 0.1,  # noqa: PLR2004 - a share
            deadline_s=2.0 if rng.random() < 0.02 else None,  # noqa: PLR2004 - a share
        )
        for number in range(count)
    ]


def number_in(text: str) -> int | None:
    """Return the last number that was asked about in a text."""
    found = _NUMBER.findall(text)
    return int(found[-1]) if found else None


def said(number: int) -> str:
    """Return what the device answers."""
    return f"said {number}"


def because(number: int) -> str:
    """Return what the large model answers."""
    return f"because of {number}"
