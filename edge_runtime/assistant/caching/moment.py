"""Questions whose answer depends on the moment or the place: it is not given again; pure.

The words are English, so that a question in another language is not known to be of no moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

_NAMED = re.compile(
    r"\b(?:now|right away|today|tonight|tomorrow|yesterday|currently|current|latest|lately|recent"
    r"|recently|so far|still|yet|already|at the moment|up to date|nowadays|ago|soon|upcoming"
    r"|(?:this|next|last|past|coming) (?:second|minute|hour|day|night|morning|afternoon|evening"
    r"|week|weekend|month|year|season|time|game|match|episode|few|monday|tuesday|wednesday"
    r"|thursday|friday|saturday|sunday)s?"
    r"|news|headlines?|weather|forecast|temperature|traffic|prices?|stocks?|shares?|exchange rate"
    r"|scores?|standings|schedule|trending|viral|nearby|nearest|closest|near me|around here"
    r"|around me|my area|local|open|closed|what time|how long until|random|another|again|joke"
    r"|flip a coin|roll a (?:dice|die))\b",
    re.IGNORECASE,
)


def is_read(language: str | None) -> bool:
    """Whether the words of a language are known here."""
    return (language or "").replace("_", "-").partition("-")[0].lower() == "en"


def names_a_moment(text: str) -> str | None:
    """Return the words by which a text depends on when or where it is asked, None without such."""
    found = _NAMED.search(" ".join(text.split()))
    return found.group().lower() if found else None


def is_volatile(labels: Iterable[str | None], patterns: Iterable[str]) -> bool:
    """Whether an intent or command is one of those whose answer depends on the moment."""
    known = [label for label in labels if label]
    return any(fnmatchcase(label, pattern) for pattern in patterns for label in known)
