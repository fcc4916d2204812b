"""Sentence templates as Home Assistant writes them, read and said at random.

``(a|b)`` one of them, ``[a]`` perhaps, ``(a;b)`` in any order, ``<rule>`` a named part,
``{list}`` or ``{list:slot}`` a value (developers.home-assistant.io, "Template sentence syntax").
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from edge_runtime.errors import ConfigError

Value = str | int | float
Fill = Callable[[str], tuple[str, Value]]
"""From the name of a list to one of its values: as it is said, and as it is meant."""

_TOKEN = re.compile(r"[()\[\]|;]|<[^<>]+>|\{[^{}]+\}|[^()\[\]|;<>{}]+")
_CLOSING = {"(": ")", "[": "]"}
_DEEPEST = 40  # rules within rules; more is a rule that holds itself


@dataclass(frozen=True)
class Mention:
    """Characters ``start`` to ``end`` (exclusive) of a sentence say ``value`` of ``slot``."""

    start: int
    end: int
    slot: str
    value: Value


@dataclass(frozen=True)
class Template:
    """``kind`` is text, list, rule, all (parts in order), one (of the parts) or any (order)."""

    kind: str
    text: str = ""
    parts: tuple[Template, ...] = ()


@lru_cache(maxsize=4096)
def parse_template(sentence: str) -> Template:
    """Return the tree of a template.

    Raises:
        ConfigError: a bracket is not closed, or closes nothing.
    """
    tokens = _TOKEN.findall(sentence)
    tree, rest = _group(tokens, 0, "", sentence)
    if rest != len(tokens):
        raise ConfigError(f"template {sentence!r}: {tokens[rest]!r} closes nothing")
    return tree


def say(
    template: Template, rules: Mapping[str, str], fill: Fill, rng: random.Random
) -> tuple[str, list[Mention]]:
    """Return one sentence of the template, its spaces made single, and what it mentions.

    Raises:
        ConfigError: a rule is unknown or holds itself.
    """
    text, mentions = "", []
    for said, slot, value in _pieces(template, rules, fill, rng, _DEEPEST):
        words = re.sub(r"\s+", " ", said)
        if not text or text.endswith(" "):
            words = words.removeprefix(" ")
        if slot:
            mentions.append(Mention(len(text), len(text) + len(words), slot, value))
        text += words
    return text.rstrip(), mentions


def _group(tokens: list[str], at: int, closing: str, sentence: str) -> tuple[Template, int]:
    """Read up to the closing bracket; return what stands there and the place behind it."""
    choices: list[list[Template]] = [[]]
    kind = "one"
    while at < len(tokens) and tokens[at] not in _CLOSING.values():
        token = tokens[at]
        at += 1
        if token in _CLOSING:
            inner, at = _group(tokens, at, _CLOSING[token], sentence)
            optional = Template("one", parts=(inner, Template("text")))
            choices[-1].append(inner if token == "(" else optional)
        elif token in "|;":
            kind = "one" if token == "|" else "any"
            choices.append([])
        elif token[0] == "<":
            choices[-1].append(Template("rule", token[1:-1]))
        elif token[0] == "{":
            choices[-1].append(Template("list", token[1:-1]))
        else:
            choices[-1].append(Template("text", token))
    if closing:
        if at == len(tokens) or tokens[at] != closing:
            raise ConfigError(f"template {sentence!r}: {closing!r} is missing")
        at += 1
    parts = tuple(Template("all", parts=tuple(choice)) for choice in choices)
    return parts[0] if len(parts) == 1 else Template(kind, parts=parts), at


def _pieces(
    template: Template, rules: Mapping[str, str], fill: Fill, rng: random.Random, depth: int
) -> list[tuple[str, str, Value]]:
    """Return what is said, with slot and value where it is a value of a list."""
    if template.kind == "text":
        return [(template.text, "", "")]
    if template.kind == "list":
        name, _, slot = template.text.partition(":")
        said, value = fill(name)
        return [(said, slot or name, value)]
    if template.kind == "rule":
        if template.text not in rules or depth == 0:
            state = "holds itself" if template.text in rules else "is unknown"
            raise ConfigError(f"rule <{template.text}> of the sentence templates {state}")
        return _pieces(parse_template(rules[template.text]), rules, fill, rng, depth - 1)
    parts = list(template.parts)
    if template.kind == "one":
        parts = [rng.choice(parts)]
    elif template.kind == "any":
        rng.shuffle(parts)
        spaced = [(part, Template("text", " ")) for part in parts]
        parts = [part for pair in spaced for part in pair]
        parts.insert(0, Template("text", " "))
    return [piece for part in parts for piece in _pieces(part, rules, fill, rng, depth)]
