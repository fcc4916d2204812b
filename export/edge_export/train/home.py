"""Commands for a home: texts with intent, slots and spans, made from Home Assistant's templates."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_export.train.home_filling import Filling
from edge_export.train.home_grammar import is_grammatical, plain
from edge_export.train.home_phrases import AFTER, BEFORE, NOT_ASKED_POLITELY
from edge_export.train.home_sentences import Block, read_sentences
from edge_export.train.home_templates import Value, parse_template, say
from edge_runtime.assistant.commands.states import state_in
from edge_runtime.errors import ConfigError

_LEAST = 150  # rows of an intent, so that a rare one is learned too
_TRIES = 60  # for a row that is new and grammatical
_POLITE = 0.15
_CAPITAL = 0.1
_QUESTION_MARK = 0.4
_FULL_STOP = 0.08
_ASKING = (
    "is",
    "are",
    "what",
    "which",
    "how",
    "who",
    "where",
    "when",
    "do",
    "can",
    "could",
    "would",
)
_HELD_OUT = ("dev.jsonl", "test.jsonl")


def target_label(row: Mapping[str, object]) -> str:
    """Return what a row's command is aimed at, a label of the head ``target``.

    The slots ``domain`` and ``device_class``, ``name=all``, and a ``state`` that no word says, as
    sorted ``slot=value`` with ``;`` between them; ``none`` when there are none of these.

    Raises:
        ConfigError: the row has no slots.
    """
    slots = row.get("slots")
    if not isinstance(slots, dict):
        raise ConfigError(f"a row of home commands has no slots: {row.get('text')!r}")
    found = {name: slots[name] for name in ("domain", "device_class") if name in slots}
    if slots.get("name") == "all":
        found["name"] = "all"
    if "state" in slots and not _says_state(row, slots):
        found["state"] = slots["state"]
    return ";".join(f"{name}={value}" for name, value in sorted(found.items())) or "none"


def sample_home(raw: Path, rows: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield rows drawn from the templates of a directory with sentences/, rules/ and lists/.

    A row holds text, intent, slots, spans (start, end, slot, value) and file. No text of the
    ``dev.jsonl`` or ``test.jsonl`` beside the directory is among them. The same seed gives the
    same rows.

    Raises:
        ConfigError: the directory holds no templates, or one is broken.
    """
    sentences = read_sentences(raw)
    blocks, filling = sentences.blocks, Filling(sentences.lists)
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    held_out = _held_out(raw.parent)
    drawn: set[str] = set()
    for intent in _shares(blocks, rows, rng):
        weights = [len(block.sentences) ** 0.5 for block in blocks[intent]]
        kept: dict[str, Any] | None = None
        for _ in range(_TRIES):
            block = rng.choices(blocks[intent], weights)[0]
            row = _row(block, {**sentences.rules, **block.rules}, filling, rng)
            if row is None or plain(row["text"]) in held_out:
                continue
            kept = row
            if row["text"] not in drawn:
                break
        if kept is not None:  # said before, where there are few ways to say it
            drawn.add(kept["text"])
            yield kept


def _row(
    block: Block, rules: Mapping[str, str], filling: Filling, rng: random.Random
) -> dict[str, Any] | None:
    """Return one sentence of the block as a row, None if nobody would say it."""
    template = parse_template(rng.choice(block.sentences))

    def fill(name: str) -> tuple[str, Value]:
        return filling.draw(name, block.domains, block.device_class, rng)

    text, mentions = say(template, rules, fill, rng)
    if not is_grammatical(text, mentions) or len({m.slot for m in mentions}) < len(mentions):
        return None
    before = after = ""
    if block.intent not in NOT_ASKED_POLITELY and rng.random() < _POLITE:
        phrase = rng.choice((BEFORE, AFTER))
        said = rng.choices([words for words, _ in phrase], [often for _, often in phrase])[0]
        before, after = (f"{said} ", "") if phrase is BEFORE else ("", f" {said}")
    after += _mark(before + text, rng)
    whole = before + text + after
    if rng.random() < _CAPITAL:
        whole = whole[0].upper() + whole[1:]
    spans = [
        {
            "start": mention.start + len(before),
            "end": mention.end + len(before),
            "slot": mention.slot,
            "value": whole[mention.start + len(before) : mention.end + len(before)],
        }
        for mention in mentions
    ]
    slots = {**block.slots, **{mention.slot: mention.value for mention in mentions}}
    return {
        "text": whole, "intent": block.intent, "slots": slots, "spans": spans, "file": block.file,
    }  # fmt: skip


def _mark(text: str, rng: random.Random) -> str:
    if text.split(" ", 1)[0] in _ASKING:
        return "?" if rng.random() < _QUESTION_MARK else ""
    return "." if rng.random() < _FULL_STOP else ""


def _shares(blocks: Mapping[str, list[Block]], rows: int, rng: random.Random) -> list[str]:
    """Return the intent of each row: some of every one, more where there is more to say."""
    weights = {
        intent: sum(len(block.sentences) for block in each) ** 0.85
        for intent, each in blocks.items()
    }
    least = min(_LEAST, rows // len(blocks))
    intents = [intent for intent in sorted(blocks) for _ in range(least)]
    names = sorted(weights)
    intents += rng.choices(names, [weights[name] for name in names], k=rows - len(intents))
    rng.shuffle(intents)
    return intents


def _says_state(row: Mapping[str, object], slots: Mapping[str, object]) -> bool:
    spans = row.get("spans")
    if isinstance(spans, list) and any(span.get("slot") == "state" for span in spans):
        return True
    domain, device_class = str(slots.get("domain", "")), str(slots.get("device_class", ""))
    return state_in(str(row.get("text")), domain, device_class) == slots["state"]


def _held_out(folder: Path) -> set[str]:
    return {
        plain(json.loads(line)["text"])
        for name in _HELD_OUT
        if (folder / name).is_file()
        for line in (folder / name).read_text("utf-8").rstrip("\n").split("\n")
    }
