"""What is left of a question without manners: what has to be the same for the same answer; pure."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+(?:['.,:][^\W_]+)*")
_SIGNS = re.compile(r"[^\w\s'.,:;!?\"()\[\]-]|(?<!\S)-(?=\d)")  # such as + % $ < and a minus
_NOT = re.compile(r"n't\b")
_CONTRACTED = re.compile(r"\b(what|who|where|when|how|that|it|there|here)'s\b")
_OF = re.compile(r"(?<=\w)'s?(?!\w)")

# Manners: what may stand before and after a question and changes nothing of it. A name or a
# greeting counts only where a comma or the other one says that somebody is spoken to.
_NAMES = r"(?:olly|alexa|pda|google|siri|computer|assistant)"
_HAIL = r"(?:hey|hi|hello|ok|okay)"
_ASKED = (
    r"(?:tell|show|give|explain|describe|define|find|list|name|help|say|translate|compare|recommend"
    r"|suggest|summari[sz]e|calculate|convert|let|spell|look|search|read|write|make|create|check)"
)
_BEFORE = re.compile(
    rf"(?:(?:{_HAIL}[ ,]+{_NAMES}\b|(?:{_HAIL}|{_NAMES}|well|so),)[ ,.!:]*"
    r"|(?:please|kindly)\b[ ,]*"
    rf"|(?:can|could|would|will) you (?:please |kindly )?(?={_ASKED}\b)"
    r"|(?:do you know|tell me|let me know|i want to know|i would like to know|i'd like to know"
    r"|i need to know|may i know) (?=wh|how\b|if\b|the\b|about\b)"
    rf"|(?:i want|i would like|i'd like|i need) you to (?={_ASKED}\b)"
    r"|what (?:is|are) )+"
)
_AFTER = re.compile(rf"(?:[ ,.!?]+(?:please|thanks|thank you)|,[ ]*{_NAMES})+[ ,.!?]*$")

# Words without which a question means the same. Not among them: who, when, where, how; my and
# your; was and will; do and does; no and not; from and to; on and off.
_EMPTY = frozenset({"a", "an", "the", "is", "are", "of"})


def essence(text: str) -> str:
    """Return the words in order, in small letters, less manners, articles and the like.

    Numbers, names, negations, prepositions and question words stay, so that two texts with the same
    essence ask for the same. Empty where nothing stays.
    """
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    plain = " ".join(plain.replace("i'm ", "i am ").replace("which", "what").split())
    plain = _CONTRACTED.sub(r"\1 is", plain)
    plain = _NOT.sub(" not", plain)
    plain = _AFTER.sub("", plain.strip())
    if (manners := _BEFORE.match(plain)) is not None:
        plain = plain[manners.end() :]
    # each sign is a word of its own: 5 + 3 is not 5 - 3
    signed = _SIGNS.sub(lambda match: f" {_named(match.group())} ", plain)
    words = [_OF.sub("", word) for word in _WORD.findall(signed.replace("'s ", " "))]
    return " ".join(word for word in words if word and word not in _EMPTY)


def same_text(text: str) -> str:
    """Return the text as it counts for the same question: white space and its form do not."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _named(sign: str) -> str:
    return "x".join(f"{ord(char):x}" for char in sign) + "sign"
