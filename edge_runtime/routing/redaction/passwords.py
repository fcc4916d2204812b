"""Passwords, codes and keys, told by the word before them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge_runtime.routing.redaction.findings import Finding

_LINK = r"(?:[ \t]*(?:\b(?:is|was|are|to|be|as|will|of|it's|its)\b|[:=]|->))"

# A password is any word, so only a link tells one: "my password is hunter2", "pwd: hunter2".
_SECRET_WORD = re.compile(
    r"(?i)(?<![^\W_])(?:pass(?:word|phrase|code|wd)|pwd|wpa2?(?: key)?|psk|api[ _-]?key|"
    r"(?:access|auth|api|refresh|bot|session)[ _-]?(?:token|key)|client[ _-]secret|private key|"
    r"secret(?: key)?|(?:wi-?fi|network|encryption|licen[cs]e|product|activation|recovery|seed)"
    r"[ _-]?(?:key|phrase|code)|"
    r"pin(?: ?code| ?number)?|(?:otp|2fa|cvv|cvc)(?: code| number)?|"
    r"(?:security|verification|confirmation|door|gate|alarm|entry|access|unlock|disarm|garage|"
    r"keypad|lock|safe|backup|one[- ]time)(?: code| password| pin))\b"
    r"(?:[ \t]+(?:for|of|on|in|to)(?:[ \t]+[\w'.-]{1,24}){1,3}?)?"
    rf"{_LINK}{{1,3}}[ \t]*"
)
_QUOTED = re.compile(
    r"[\"'\u201c\u2018\u00ab`]([^\"'\u201d\u2019\u00bb`\n]{1,128})[\"'\u201d\u2019\u00bb`]"
)
_WORD = re.compile(r"\S{1,1024}")  # no more, or a row of them would be read again and again
_PHRASE = re.compile(r"[^\W\d_]++(?: [^\W\d_]++){2,24}+")
_TAIL = ".,;)]}\"'"
_CODE = re.compile(
    r"(?i)\b(?:pin|cvv|cvc|otp|passcode|(?:pin|alarm|door|gate|entry|access|security|unlock|"
    r"disarm|lock|safe|keypad|verification|confirmation|garage|one[- ]time)(?: pin)? code)\b"
    r"(?:['\u2019]s)?(?: (?:is|with|to|code|number|using|of|now|as)){0,3} ?[:=#]? ?(?<![\w.])"
    r"(\d{3,8}|\d(?: \d){2,7})(?! ?\d|\w|[.,]\d)"
)
# "login ada password hunter2": without a link, only what no word is
_BARE = re.compile(
    r"(?i)(?<![^\W_])(?:pass(?:word|code|wd)?|pwd)(?:[:=]| is\b)? ?"
    r"((?=[^\s\d]{0,64}\d)(?=[^\sa-z]{0,64}[a-z])[^\s,;]{4,}+)"
)
# What people say about passwords instead of saying them.
_REMARKS = frozenset(
    {
        "a", "about", "accepted", "access", "already", "always", "an", "and", "anything", "are",
        "asked", "at", "be", "because", "been", "being", "blank", "blocked", "broken", "but",
        "by", "can", "change", "changed", "correct", "could", "create", "did", "different",
        "do", "does", "doesn't", "don't", "down", "due", "empty", "enter", "everyone",
        "expired", "expiring", "failing", "find", "fine", "for", "forgot", "forgotten", "from",
        "get", "getting", "give", "going", "gone", "her", "here", "hidden", "his", "how", "if",
        "in", "incorrect", "invalid", "is", "it", "just", "keep", "known", "locked", "log",
        "login", "long", "lost", "make", "mandatory", "missing", "my", "necessary", "needed",
        "never", "new", "no", "not", "nothing", "ok", "okay", "old", "on", "only", "open",
        "optional", "or", "our", "protect", "really", "rejected", "remember", "required",
        "reset", "right", "safe", "same", "saved", "secure", "set", "shared", "short", "should",
        "sign", "so", "someone", "something", "still", "stolen", "stored", "strong", "that",
        "the", "their", "there", "these", "this", "those", "too", "unknown", "unlock", "up",
        "update", "use", "very", "visible", "was", "weak", "what", "when", "where", "which",
        "who", "why", "will", "with", "working", "would", "wrong", "your",
    }
)  # fmt: skip


def find_secrets(text: str) -> Iterator[Finding]:
    """Yield what words such as ``password``, ``alarm code`` or ``api key`` announce."""
    yield from (Finding(*match.span(1), "SECRET") for match in _CODE.finditer(text))
    for match in _BARE.finditer(text):
        yield Finding(match.start(1), match.start(1) + len(match[1].rstrip(_TAIL)), "SECRET")
    for match in _SECRET_WORD.finditer(text):
        at = match.end()
        if (quoted := _QUOTED.match(text, at)) is not None:
            yield Finding(*quoted.span(1), "SECRET")
            continue
        words = match.group().lower()
        if "phrase" in words and (phrase := _PHRASE.match(text, at)) is not None:
            yield Finding(*phrase.span(), "SECRET")
            continue
        word = _WORD.match(text, at)
        value = "" if word is None else word.group().rstrip(_TAIL)
        if value and _is_secret(value, words):
            yield Finding(at, at + len(value), "SECRET")


def _is_secret(value: str, words: str) -> bool:
    """Whether a word after a link is a secret itself, and no remark about one."""
    if value.isalpha():
        by_sign = words.rstrip().endswith((":", "="))
        is_password = words.startswith(("pass", "pwd")) and " to " not in words
        return by_sign or (is_password and value.lower() not in _REMARKS)
    return any(char.isalnum() for char in value) and len(value) > 2  # noqa: PLR2004
