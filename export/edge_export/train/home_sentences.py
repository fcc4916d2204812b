"""Home Assistant's sentence templates, read from their YAML files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from edge_export.train.home_filling import named_domains
from edge_export.train.home_phrases import OWN, RULES
from edge_export.train.home_templates import Value
from edge_runtime.errors import ConfigError

# "what is <name>" and the like: without a question before it, too few words to tell
_NOT_SAID_ALONE = ("[<the>] {name}", "[activate] <name> [scene]")


@dataclass(frozen=True)
class Block:
    """Templates of one intent, with the slots that they leave unsaid and the device they name."""

    intent: str
    file: str
    sentences: tuple[str, ...]
    slots: Mapping[str, Value] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    domains: tuple[str, ...] = ()
    device_class: str | None = None


@dataclass(frozen=True)
class Sentences:
    """All templates of a language: blocks by intent, rules and lists by name."""

    blocks: Mapping[str, list[Block]]
    rules: Mapping[str, str]
    lists: Mapping[str, Any]


def read_sentences(raw: Path) -> Sentences:
    """Read the templates under ``raw``, and add ours.

    Raises:
        ConfigError: there is no template, or a file is not YAML as Home Assistant writes it.
    """
    blocks: dict[str, list[Block]] = {}
    rules: dict[str, str] = {}
    lists: dict[str, Any] = {}
    for path in sorted(raw.glob("lists/en/*.yaml")) + sorted(raw.glob("rules/en/*.yaml")):
        content = _load(path)
        lists.update(content.get("lists", {}))
        rules.update(content.get("expansion_rules", {}))
    for path in sorted(raw.glob("sentences/en/**/*.yaml")):
        content = _load(path)
        lists.update(content.get("lists", {}))
        rules.update(content.get("expansion_rules", {}))
        file = path.relative_to(raw / "sentences" / "en").as_posix()
        for block in _blocks(content, file):
            blocks.setdefault(block.intent, []).append(block)
    if not blocks:
        raise ConfigError(f"{raw} holds no sentences/en/*.yaml; name the folder that does")
    for own in OWN:
        domains = (own.domain,) if own.domain else named_domains(own.intent, ())
        block = Block(own.intent, "own", own.sentences, own.slots, domains=domains)
        blocks.setdefault(own.intent, []).append(block)
    return Sentences(blocks, {**rules, **RULES}, lists)


def _load(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}") from exc
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is not a file of sentence templates")
    return content


def _blocks(content: Mapping[str, Any], file: str) -> Iterator[Block]:
    """Yield the blocks of a file: under ``intents``, or under ``data`` of ``Intent/name.yaml``."""
    by_intent = {name: each.get("data", []) for name, each in content.get("intents", {}).items()}
    if "data" in content:
        by_intent[file.split("/", 1)[0]] = content["data"]
    for intent, entries in by_intent.items():
        for entry in entries:
            needed = entry.get("requires_context", {})
            excluded = _listed(entry.get("excludes_context", {}).get("domain", ()))
            asked = _listed(entry.get("name_domains", needed.get("domain", ())))
            slots = dict(entry.get("slots", {}))
            if "inferred_domain" in entry:
                slots["domain"] = entry["inferred_domain"]
            sentences = (str(each) for each in entry["sentences"])
            yield Block(
                intent,
                file,
                tuple(each for each in sentences if each not in _NOT_SAID_ALONE),
                slots,
                entry.get("expansion_rules", {}),
                asked or named_domains(intent, excluded),
                needed.get("device_class"),
            )


def _listed(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list | tuple) else ()
