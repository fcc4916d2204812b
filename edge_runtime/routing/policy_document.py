"""From a TOML document to the owner's policy, or to what is wrong with it and where."""

from __future__ import annotations

import copy
import itertools
import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import msgspec

from edge_runtime.bundles.manifest import Manifest
from edge_runtime.routing.choices import choices_at
from edge_runtime.routing.policy import OwnerPolicy, is_idle
from edge_runtime.routing.rules import NONE, UNKNOWN, label_of
from edge_runtime.routing.toml_lines import KeyPath, line_numbers, line_of

_MOST_PROBLEMS = 50
_RULES = "rules"
_WHERE = re.compile(r" - at `(?:key` in `)?\$([^`]*)`$")
_ANY = "[...]"  # some value of a table with free keys
_PART = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
_FIELD = re.compile(r"(?:unknown|missing required) field `([^`]+)`")
_VALUE = re.compile(r"value '([^']*)'")
_SYNTAX = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

_Schema = TypeVar("_Schema")


@dataclass(frozen=True)
class Problem:
    """What is wrong on a line, or with ``is_warning`` what is of no use."""

    line: int
    said: str
    is_warning: bool = False


def read_policy(text: str) -> tuple[OwnerPolicy | None, list[Problem]]:
    """Return the policy of a document of its own, None with the problems of one that is wrong."""
    return read_document(text, OwnerPolicy)


def read_document(text: str, schema: type[_Schema]) -> tuple[_Schema | None, list[Problem]]:
    """Return a document's content by a schema, or None with all that does not fit it."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        return None, [_syntax(text, str(exc))]
    lines = line_numbers(text)
    problems: list[Problem] = []
    while len(problems) < _MOST_PROBLEMS:
        try:
            found = msgspec.convert(content, schema)
        except msgspec.ValidationError as exc:
            path, said = place_of(content, str(exc), schema)
            problems.append(Problem(line_of(lines, path), said))
            content = _without(content, path)
            if not path:
                break
        else:
            return (None, _sorted(problems)) if problems else (found, [])
    return None, _sorted(problems)


def warnings(
    policy: OwnerPolicy, manifest: Manifest, text: str = "", inside: KeyPath = ()
) -> list[Problem]:
    """Return which rules can never match with a bundle, or change nothing where they do.

    ``text`` is the document in which the policy stands, ``inside`` the path to it there.
    """
    lines = line_numbers(text)
    known = {
        name: None if name not in manifest.heads else _labels(manifest, name)
        for name in ("intent", "command")
    }
    tagged = [_labels(manifest, name) for name in ("entities", "pii") if name in manifest.heads]
    known["entity"] = frozenset().union(*tagged) if tagged else None
    problems: list[Problem] = []
    for index, rule in enumerate(policy.rules):
        label = label_of(rule, index + 1)

        def say(field: str, said: str, index: int = index, label: str = label) -> None:
            path = (*inside, "rules", index, *([field] if field else []))
            problems.append(Problem(line_of(lines, path), f"{label}: {said}", is_warning=True))

        for field, labels in known.items():
            patterns: tuple[str, ...] = getattr(rule, field)
            if patterns and labels is None:
                say(field, f"the bundle has no head for {field}, so this is taken to hold")
                continue
            wanted = [each for each in patterns if not each.startswith("!")]
            unknown = [each for each in patterns if not _is_known(each, labels or ())]
            if unknown:
                never = "; it can never match" if set(wanted) <= set(unknown) and wanted else ""
                say(field, f"{field} {', '.join(unknown)}: the bundle has none such{never}")
        if rule.about and "embedding" not in manifest.heads:
            say("about", "the bundle has no head for embeddings, so this is taken to hold")
        if rule.language and not any(
            each.startswith("!") or _is_language(each) for each in rule.language
        ):
            say("language", "no ISO 639-1 code (two letters), nor unknown; it can never match")
        if is_idle(policy, rule):
            say("", f"{rule.effects()} changes nothing: the policy is as strict for everything")
    return problems


def _labels(manifest: Manifest, name: str) -> frozenset[str]:
    labels = manifest.heads[name].labels
    found = {label.partition("-")[2] or label for label in labels}
    if name in {"entities", "pii"}:
        return frozenset(found - {"O"})
    return frozenset({*labels, *([NONE] if name == "command" else [])})


def _is_known(pattern: str, labels: Collection[str]) -> bool:
    return any(fnmatchcase(label, pattern.removeprefix("!")) for label in labels)


def _is_language(pattern: str) -> bool:
    return pattern == UNKNOWN or "*" in pattern or (len(pattern) == 2 and pattern.islower())  # noqa: PLR2004


def _syntax(text: str, said: str) -> Problem:
    found = _SYNTAX.search(said)
    if found is None:
        return Problem(1, said)
    last = text.count("\n") + (not text.endswith("\n"))
    where = f", column {found.group(2)}" if found.group(2) else ""
    return Problem(int(found.group(1) or max(1, last)), f"{said[: found.start()]}{where}")


def place_of(content: dict[str, Any], message: str, schema: type) -> tuple[KeyPath, str]:
    """Return what an error of the schema is about, and what it says, with what could be there."""
    path, said = _place(content, message)
    return path, said + choices_at(schema, path, _at(content, path))


def _place(content: dict[str, Any], message: str) -> tuple[KeyPath, str]:
    """Return what an error of the schema is about, and what it says."""
    found = _WHERE.search(message)
    said = message[: found.start()] if found else message
    path: list[str | int] = []
    at: Any = content
    for part in _PART.finditer(found.group(1)) if found else []:
        name, index = part.groups()
        if part.group() == _ANY and isinstance(at, dict):
            break  # an entry of a table, which is looked for below
        # a key or index of an array that the message leaves open is not looked for
        step: str | int = name or (int(index) if index else 0)
        path.append(step)
        at = _below(at, step)
    first = said.partition(" ")[0]
    names = [each for each in path if isinstance(each, str)]
    if field := _FIELD.search(said):
        path.append(field.group(1))
    elif isinstance(at, dict) and first in at:
        path.append(first)
    elif found and isinstance(at, dict) and (found.group(1)[-5:] == _ANY or "key`" in found[0]):
        path += _entry(at, said)
    where = ".".join(names)
    return tuple(path), f"{where}: {said}" if where else said


def _entry(table: dict[str, Any], said: str) -> list[str]:
    """Return the key of a table of texts that an error is about: it names key or value."""
    named = _VALUE.search(said)
    wrong = (
        key
        for key, value in table.items()
        if (named.group(1) in (key, value) if named else not isinstance(value, str))
    )
    return list(itertools.islice(wrong, 1))


def _without(content: dict[str, Any], path: KeyPath) -> dict[str, Any]:
    """Return the document without what was wrong in it, to find what else is."""
    content = copy.deepcopy(content)
    if path and isinstance(path[-1], int) and not isinstance(_at(content, path), dict):
        path = path[:-1]
    parent = _at(content, path[:-1])
    if isinstance(parent, dict) and path:
        parent.pop(path[-1], None)
    elif isinstance(parent, list):
        _at(content, path).clear()
    # a rule keeps its number, and so its line, and is not said to be without an effect as well
    if len(path) > 1 and path[-2] == _RULES:
        _at(content, path)["deny"] = True
    elif len(path) > 2 and path[-3] == _RULES:  # noqa: PLR2004 - a field of a rule
        parent["deny"] = True
    return content


def _at(content: dict[str, Any], path: KeyPath) -> Any:  # noqa: ANN401 - a TOML value
    at: Any = content
    for step in path:
        at = _below(at, step)
    return at


def _below(at: Any, step: str | int) -> Any:  # noqa: ANN401 - a TOML value
    if isinstance(at, dict):
        return at.get(str(step))
    if isinstance(at, list) and isinstance(step, int) and step < len(at):
        return at[step]
    return None


def _sorted(problems: list[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda each: each.line)
