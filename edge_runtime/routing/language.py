"""Which language a text is in, so that one that the bundle has not learned is not guessed at.

Scripts tell most languages apart, letter n-grams the rest. A wrong "foreign" costs a round trip
to the large model or an answer, so it takes evidence: more than one word, and odds that beat the
prior of the languages that are expected.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from edge_runtime.routing.ngram_table import LANGUAGES, default_table

_LONGEST = 400  # characters that are read; more would change nothing
_PRIOR = 7.0  # nats in favour of the languages that are expected
_WORD = 8.0  # nats that one word can say; it may be a name or a loan
_NAME = 1.5  # nats that a word like a name or an abbreviation can say
_FEWEST_WORDS = 2

# by the first words of a letter's Unicode name; a language's own letters come with it
_SCRIPTS: dict[str, dict[str, str]] = {
    "CYRILLIC": {"ru": "ыэё", "uk": "іїєґ", "be": "ў", "sr": "ђјљњћџ", "mk": "ѓќѕ", "bg": ""},
    "GREEK": {"el": ""},
    "ARABIC": {"ar": "", "fa": "پچژگ", "ur": "ٹڈڑںے"},
    "HEBREW": {"he": "", "yi": ""},
    "DEVANAGARI": {"hi": "", "mr": "ळ", "ne": ""},
    "BENGALI": {"bn": "", "as": "ৰৱ"},
    "HANGUL": {"ko": ""},
    "KANA": {"ja": ""},
    "CJK": {"zh": "", "ja": ""},
    "THAI": {"th": ""},
    "GURMUKHI": {"pa": ""},
    "GUJARATI": {"gu": ""},
    "TAMIL": {"ta": ""},
    "TELUGU": {"te": ""},
    "KANNADA": {"kn": ""},
    "MALAYALAM": {"ml": ""},
    "SINHALA": {"si": ""},
    "KHMER": {"km": ""},
    "LAO": {"lo": ""},
    "MYANMAR": {"my": ""},
    "GEORGIAN": {"ka": ""},
    "ARMENIAN": {"hy": ""},
    "ETHIOPIC": {"am": "", "ti": ""},
}
_UNREAD = re.compile(r"https?://\S+|\S+@\S+|[@#]\S+|\S*\d\S*")
_UNWRITTEN = re.compile(r"[^\w'\- ]|_")


def identify(text: str, expected: Collection[str] = ("en",)) -> tuple[str | None, float]:
    """Return the language (ISO 639-1) and the probability of it; None where nothing can be said.

    ``expected`` are the languages that are likely: the manifest's. The result is one of them, as it
    is written there, unless the text says clearly otherwise. One word, no letters, a script without
    an entry, or Latin letters where one of the languages expected is written in them and the
    n-grams do not know it: None and 0. Languages of one other script are told apart by letters of
    their own only; a text without such is in the expected one.
    """
    written = {_main_tag(name): name for name in expected}
    found, probability = _identify(unicodedata.normalize("NFKC", text[:_LONGEST]), written)
    return written.get(found, found) if found else None, probability


def _main_tag(name: str) -> str:
    """Return the language of a tag such as en-US; Bokmål and Nynorsk are both no."""
    language = name.replace("_", "-").partition("-")[0].lower()
    return "no" if language in {"nb", "nn"} else language


def _identify(text: str, expected: Collection[str]) -> tuple[str | None, float]:
    scripts = Counter(_script(letter) for letter in text if letter.isalpha())
    if not scripts:
        return None, 0.0
    if "KANA" in scripts:  # Japanese is written in both
        scripts["KANA"] += scripts.pop("CJK", 0)
    script, count = scripts.most_common(1)[0]
    if script == "LATIN":
        return _by_ngrams(text, expected)
    if script not in _SCRIPTS:
        return None, 0.0
    return _by_letters(text, _SCRIPTS[script], expected), count / scripts.total()


def _script(letter: str) -> str:
    """Return LATIN, a key of ``_SCRIPTS``, or the first word of another letter's Unicode name."""
    if letter.isascii():
        return "LATIN"
    name = unicodedata.name(letter, "")
    return "KANA" if name.startswith(("HIRAGANA", "KATAKANA")) else name.partition(" ")[0]


def _by_letters(text: str, languages: dict[str, str], expected: Collection[str]) -> str:
    lowered = text.lower()
    counts = {name: sum(map(lowered.count, own)) for name, own in languages.items()}
    # the first of equals: an expected one, or the one that most people write
    return min(languages, key=lambda name: (-counts[name], name not in expected))


def _by_ngrams(text: str, expected: Collection[str]) -> tuple[str | None, float]:
    likely = [LANGUAGES.index(name) for name in expected if name in LANGUAGES]
    if len(likely) < len(expected) - sum(_other_script(name) for name in expected):
        return None, 0.0
    words = _words(text)
    if len(words) < _FEWEST_WORDS:
        return None, 0.0
    evidence = default_table().evidence([word.lower() for word in words])
    log_odds = _summed(evidence, words, likely)
    log_odds[likely] += _PRIOR
    best = int(log_odds.argmax())
    return LANGUAGES[best], float(1 / np.exp(log_odds - log_odds[best]).sum())


def _summed(
    evidence: npt.NDArray[np.float64], words: list[str], likely: list[int]
) -> npt.NDArray[np.float64]:
    """Return ``[languages]``: log odds against the likeliest of ``likely``, each word in bounds."""
    if likely:
        home = likely[int(evidence[:, likely].sum(axis=0).argmax())]
        evidence = evidence - evidence[:, [home]]
    shouted = all(word.isupper() for word in words)
    named = [
        word[0].isupper() and (i > 0 or word.isupper()) and not shouted
        for i, word in enumerate(words)
    ]
    upper = np.where(named, _NAME, _WORD)[:, None]
    return np.asarray(np.clip(evidence, -_WORD, upper).sum(axis=0))


def _words(text: str) -> list[str]:
    plain = _UNWRITTEN.sub(" ", _UNREAD.sub(" ", text.replace("\u2019", "'")))
    return [word for word in plain.split() if any(map(str.isalpha, word))]


def _other_script(language: str) -> bool:
    return any(language in languages for languages in _SCRIPTS.values())
