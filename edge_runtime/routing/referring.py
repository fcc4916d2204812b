"""Whether a text asks about what was said before: "why is that so?" has nothing of its own to read.

An intent head reads one text at a time, and calls such a question by whatever is as short. So this
looks at its words: do all of them point elsewhere, and does it ask for more of an answer? Where a
large model has just spoken, a short question about "him" or "that" is enough. English only.

Patterns are texts here, compiled when they are first needed: most commands never need them.
"""

from __future__ import annotations

import re

_LONGEST = 12  # words; who says more says what it is about

# Words that say nothing of a subject, and that ask; contractions are taken apart ("isn t").
_POINTING = (
    "|"
    "a|an|the|and|but|or|so|then|well|ok|okay|hm|hmm|oh|please|hey|just|really|again|also|"
    "exactly|am|that|this|it|its|these|those|they|them|their|he|she|him|her|his|there|one|ones|"
    "all|any|some|i|me|my|you|your|we|us|what|which|how|when|who|where|is|are|was|were|be|been|"
    "do|does|did|doing|have|has|had|can|could|would|will|should|may|might|must|shall|not|no|s|"
    "t|re|d|ll|ve|m|isn|aren|wasn|weren|doesn|didn|don|couldn|wouldn|won|hasn|haven|to|of|for|"
    "in|on|by|with|at|about|from|as|if|than|bit|little|few|further|deeper|give|tell|show|say|"
    "said|saying|get|know|understand|think|want|like|case|way|detail|details|simple|simpler|"
    "simply|terms|words|other|else|better|longer|shorter|happen|happens|happened|answer|"
    "answers|response|reply|sentence|last|point|once|now|yes|quite|why|come|explain|explained|"
    "explanation|elaborate|clarify|expand|rephrase|unclear|clear|mean|means|meant|meaning|"
    "reason|reasons|example|examples|instance|more|work|works|"
)
_ASKS = (
    r"(?:^| )(?:why|how come|how so|in what way|like what|such as|explain|explanation|elaborate|"
    r"clarify|expand|rephrase|unclear|not (?:so |that |very |quite )?clear|what do you mean|"
    r"(?:what|how) (?:s|is|are|was|were|do|does|did) .*(?:mean|means|meant|meaning)|reasons?|"
    r"(?:an?|any|some|for|more|other) (?:examples?|instance)|more details?|"
    r"(?:tell|say|know|show|give)(?: me| us)? (?:a bit |a little |some )?more|"
    r"how (?:do|does|did|can|could|would) (?:it|that|this|they|those|these) work)(?: |$)"
)
_OF_SPEAKERS = r"(?:about|of) (?:you|me|us)$|^why (?:you|me)$"

_AND = r"(?:(?:and|but|so|ok|okay|well) ){0,2}"
_QUESTION = (
    rf"{_AND}(?:who|what|when|where|which|why|how|whose|whom|is|are|was|were|did|does|do|has|have|"
    r"had|explain|describe|compare|tell me)\b"
)
_OTHER = rf"{_AND}(?:what|how) about\b|and (?:in|for|with|at)\b"
_UNNAMED = (
    r"\b(?:he|she|him|her|his|hers|they|them|their|theirs)\b"
    r"|\b(?:did|was|could|does) it\b(?! (?:take|cost|mean))|\b(?:of|about|in|with|from) it$"
    r"|\b(?:of|about|like|after|before|than|by|do|did|mean) (?:that|this|those|these)$"
    r"|\b(?:is|was|are|were|did|does) (?:that|those|these)\b|\bthere$"
)
_WORD = r"[^\W_]+"


def means_nothing_alone(text: str) -> bool:
    """Whether a question consists of words that point to what was said before."""
    words = _words(text)
    if not words or not all(f"|{word}|" in _POINTING for word in words):
        return False
    said = " ".join(words)
    return bool(re.search(_ASKS, said)) and not re.search(_OF_SPEAKERS, said)


def may_follow(text: str) -> bool:
    """Whether a short question is about somebody or something that is named nowhere in it."""
    said = " ".join(_words(text))
    asks = re.match(_QUESTION, said) and re.search(_UNNAMED, said)
    return bool(asks or re.match(_OTHER, said))


def _words(text: str) -> list[str]:
    """Return the words of a short text, none of a longer one."""
    words = re.findall(_WORD, text.lower())
    return words if len(words) <= _LONGEST else []
