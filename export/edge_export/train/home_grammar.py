"""Which of the sentences that templates allow a person would say."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edge_export.train.home_templates import Mention

_THINGS = (
    r"(?:light|lamp|fan|switch|lock|door|window|gate|shutter|blind|curtain|awning|shade|battery|"
    r"device|thing|sensor|room|area|floor)"
)
_UNIT = r"(?:hour|minute|second)"
_AT = r"(?:in|on|at|of|across|around|throughout)"
_ONE = r"(?:1|one|a|an|half|1/2|a half)"
_NEVER = re.compile(
    "|".join(
        (
            r"\b(\w+) \1\b",  # a word twice
            r"\b(?:the|my|our|a|an) (?:the|my|our|a|an)\b",
            rf"\b{_AT} {_AT}\b",
            r"\b(?:light|lamp|lighting)s? (?:light|lamp|lighting)s?\b",
            r"\b(?:of|at|across|around|throughout) (?:here|this|everywhere)\b",
            rf"\b{_ONE} {_UNIT}s\b(?! timer)",
            rf"(?<!\d )\b(?!(?:{_ONE})\b)[\w-]+ {_UNIT}\b(?! (?:timer|more\b))",
            rf"{_UNIT}s timer",
            r"\b(?:and|a) 1/2\b|\band half\b|\ba half (?:hour|minute)\b",
            rf"\bhalf an? {_UNIT}s",
            rf"\b(?:every|every single|each) {_THINGS}s\b",
            rf"\b(?:all|any|some|all of|how many|which of|any of)(?: the| my| our)? {_THINGS}\b",
            r"\bare (?:the |my |our )?(?:anyone|everyone)\b",
            r"\bis (?:there )?(?:all|any|some) \w+s\b",
            r"\b(?:an) (?!hour\b|8|11\b|18\b|eight|eleven)",
            r"\b(?:which|how many|what) (?:\w+ ){0,3}\w+s (?:of )?is\b",
            rf"\b(?:which|how many|what) {_THINGS} are\b",
            r"\b(?:bring|change) [^;]*\b(?:up|down) to\b",
            r"\b(?:increase|decrease) [^;]*\b(?:up|down)\b|\bincrease (?:up|down)\b",
            r"\b(?:floor|upstairs|downstairs|basement|attic|loft|level) floor\b",
            r"\bin (?:upstairs|downstairs|outside)\b",
            r"\b(?:the|my|our) (?:upstairs|downstairs|outside)$",
            r"'s's|s's\b",
        )
    )
)
_IS_NAME = re.compile(r"(is|are) (?:there )?(?:the |my |our )?$")


def is_grammatical(text: str, mentions: Sequence[Mention]) -> bool:
    """Return False for what a template allows but nobody says: "are bedroom lamp on"."""
    if _NEVER.search(text.lower()):
        return False
    for mention in mentions:
        before = _IS_NAME.search(text[: mention.start].lower())
        if mention.slot == "name" and before:
            last = text[mention.start : mention.end].lower().split()[-1]
            plural = last.endswith("s") and not last.endswith(("ss", "us", "gas", "sonos"))
            if plural != (before[1] == "are"):
                return False
    return True


def plain(text: str) -> str:
    """Return the text without letter case and punctuation, to tell whether it is the same."""
    return " ".join(re.findall(r"[\w'%°/.]+", text.lower().rstrip(".?!")))
