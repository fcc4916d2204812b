"""Rules: what the owner wants for queries of a kind.

Every rule that matches speaks, and the strictest word holds, field by field, as between owner and
request. So the order of rules says nothing, one more rule never allows what was forbidden before,
and no rule can hide another, as the first match in a list can.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal

import msgspec

from edge_runtime.messages import Privacy, WhenOffline

Escalating = Literal["never", "always"]

UNKNOWN = "unknown"  # the language of a text of which none can be told
NONE = "none"  # the command where none is sure
# On CLINC150, with one example for each intent of a domain, it finds 95 % of the domain's texts and
# 12 % of all others (at .45: 87 % and 3 %); with one description of the domain 45 % and 2 %.
ABOUT_ABOVE = 0.35

_NOT = "!"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Conditions, of which all have to hold, and what follows.

    ``intent``, ``command``, ``entity`` (a label that was found), ``language`` (ISO 639-1, or
    ``unknown``) and ``client`` are shell patterns, of which one has to fit; none that begins with
    ``!`` may. ``topic`` are words or phrases, of which one has to stand in the text. ``about`` are
    descriptions or, better, example sentences: the cosine of the text's embedding with that of one
    of them has to be ``about_above`` or more.

    ``privacy``, ``when_offline``, ``max_cost_usd`` only make the policy stricter. ``escalate`` is
    ``never`` (best guess) or ``always`` (however sure the device is). ``deny`` refuses the query.
    """

    name: str = ""
    intent: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    entity: tuple[str, ...] = ()
    topic: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    about_above: float = ABOUT_ABOVE
    language: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    privacy: Privacy | None = None
    when_offline: WhenOffline | None = None
    max_cost_usd: float | None = None
    escalate: Escalating | None = None
    deny: bool = False

    def __post_init__(self) -> None:
        if not self.effects():
            raise ValueError(
                "a rule needs an effect: privacy, when_offline, max_cost_usd, escalate or deny"
            )
        if self.max_cost_usd is not None and not 0 <= self.max_cost_usd < float("inf"):
            raise ValueError("max_cost_usd must be 0 or more")
        if not -1 <= self.about_above <= 1:
            raise ValueError("about_above is a cosine: -1 to 1")
        texts = [*self.intent, *self.command, *self.entity, *self.topic, *self.about]
        if not all(each.strip(_NOT + " ") for each in [*texts, *self.language, *self.client]):
            raise ValueError("a condition must not be empty")

    def effects(self) -> str:
        """Return what follows, in words."""
        said = {
            "privacy": self.privacy,
            "when_offline": self.when_offline,
            "max_cost_usd": None if self.max_cost_usd is None else f"{self.max_cost_usd:g}",
            "escalate": self.escalate,
        }
        words = [f"{name} {value}" for name, value in said.items() if value is not None]
        return ", ".join([*words, *(["deny"] if self.deny else [])])


class Facts(msgspec.Struct, frozen=True):
    """What is known of a query; None is what cannot be told here, such as by a missing head.

    ``nearness`` are the cosines of the text with the descriptions of rules.
    """

    client: str = "local"
    text: str | None = None
    intent: str | None = None
    command: str | None = None
    entities: frozenset[str] | None = None
    language: str | None = None
    nearness: Mapping[str, float] | None = None


class Match(msgspec.Struct, frozen=True):
    """``is_presumed`` where a condition could not be told: it is taken to hold (fail closed)."""

    rule: Rule
    label: str
    why: str
    is_presumed: bool = False

    @property
    def escalate(self) -> Escalating | None:
        """What counts: to ask somebody takes more than a presumption."""
        return None if self.is_presumed and self.rule.escalate == "always" else self.rule.escalate


def label_of(rule: Rule, number: int) -> str:
    """Return what a rule is called; ``number`` counts from 1."""
    return f"rule {rule.name!r}" if rule.name else f"rule {number}"


def match(rule: Rule, label: str, facts: Facts) -> Match | str:
    """Return the match, or which condition does not hold."""
    held: list[str] = []
    untold: list[str] = []
    for name, holds, found in _conditions(rule, facts):
        if holds is None:
            untold.append(name)
        elif holds:
            held.append(f"{name} {found}")
        else:
            return f"{name} {found}"
    why = ", ".join([*held, *(f"{name} cannot be told here" for name in untold)])
    return Match(rule, label, why or "every query", is_presumed=bool(untold))


def descriptions(rules: Iterable[Rule]) -> list[str]:
    """Return what the embeddings of texts have to be compared with."""
    return list(dict.fromkeys(each for rule in rules for each in rule.about))


def _conditions(rule: Rule, facts: Facts) -> list[tuple[str, bool | None, str]]:
    """Return name, whether it holds and what was found, of the conditions that the rule has."""
    single: list[tuple[str, tuple[str, ...], str | None]] = [
        ("client", rule.client, facts.client),
        ("language", rule.language, facts.language),
        ("intent", rule.intent, facts.intent),
        ("command", rule.command, facts.command),
    ]
    found = [
        (name, None if value is None else _fits([value], patterns), value or "")
        for name, patterns, value in single
        if patterns
    ]
    if rule.entity:
        entities = facts.entities
        said = " ".join(sorted(entities)) or "none" if entities is not None else ""
        found.append(("entity", None if entities is None else _fits(entities, rule.entity), said))
    if rule.topic:
        words = None if facts.text is None else _words_in(facts.text, rule.topic)
        found.append(("topic", None if words is None else bool(words), words or "not named"))
    if rule.about:
        found.append(_about(rule, facts.nearness))
    return found


def _fits(values: Iterable[str], patterns: Sequence[str]) -> bool:
    values = list(values)
    unwanted = [each.removeprefix(_NOT) for each in patterns if each.startswith(_NOT)]
    wanted = [each for each in patterns if not each.startswith(_NOT)]
    if any(fnmatchcase(value, pattern) for value in values for pattern in unwanted):
        return False
    return not wanted or any(fnmatchcase(v, pattern) for v in values for pattern in wanted)


def _words_in(text: str, topics: tuple[str, ...]) -> str:
    found = _topic_pattern(topics).search(" ".join(text.casefold().split()))
    return found.group() if found else ""


@lru_cache(maxsize=64)
def _topic_pattern(topics: tuple[str, ...]) -> re.Pattern[str]:
    phrases = [re.escape(" ".join(each.casefold().split())) for each in topics]
    return re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)")


def _about(rule: Rule, nearness: Mapping[str, float] | None) -> tuple[str, bool | None, str]:
    if nearness is None or not all(each in nearness for each in rule.about):
        return "about", None, ""
    nearest = max(rule.about, key=lambda each: nearness[each])
    cosine = nearness[nearest]
    sign = ">=" if cosine >= rule.about_above else "<"
    return (
        "about",
        cosine >= rule.about_above,
        f"{nearest!r} {cosine:.2f} {sign} {rule.about_above:.2f}",
    )
