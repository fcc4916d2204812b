"""What a model is compared on: texts, tokenised as the device does it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_export.texts import PASSAGES, QUESTIONS, TEXTS
from edge_runtime.bundles.manifest import Task
from edge_runtime.errors import ConfigError
from edge_runtime.inference.tokenizer import Tokenizer, Window

# of a decoder's text: enough to see its statistics, little enough to run on any machine
LONGEST = 256


@dataclass(frozen=True)
class Text:
    """A text; ``question`` for question answering, ``reference`` for what should come out."""

    text: str
    question: str | None = None
    reference: str | None = None


@dataclass(frozen=True)
class Sample:
    """One input: ``window`` holds the tokens, ``target`` those of a given output."""

    window: Window
    target: tuple[int, ...] = ()

    def feeds(self) -> dict[str, npt.NDArray[np.int64]]:
        """Return the inputs ``[1, tokens]`` of an encoder."""
        return {
            "input_ids": self.window.ids[None],
            "attention_mask": np.ones_like(self.window.ids)[None],
            "token_type_ids": self.window.type_ids[None],
        }


def builtin_texts(task: Task) -> list[Text]:
    """Return the texts for a task when the user gives none."""
    if task == "question-answering":
        return [Text(context, question) for question, context in QUESTIONS]
    if task == "text-generation":
        return [Text(text) for text in (*PASSAGES, *TEXTS)]
    if task in {"summarization", "translation"}:
        return [Text(text) for text in (*PASSAGES[:3], *TEXTS[:8])]
    return [Text(text) for text in TEXTS]


def read_texts(path: Path, task: Task) -> list[Text]:
    """Read one text per line, or JSON lines with ``text``, ``question`` and ``reference``.

    A plain file for a decoder is split at empty lines instead, where it has some.

    Raises:
        ConfigError: the file cannot be read, a line is no JSON, or there is no text in it.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}") from exc
    if path.suffix == ".jsonl":
        found = list(_json_lines(path, content))
    else:
        paragraphs = task == "text-generation" and "\n\n" in content.strip()
        parts = content.split("\n\n") if paragraphs else content.splitlines()
        found = [Text(part.strip()) for part in parts if part.strip()]
    if not found:
        raise ConfigError(f"{path} has no texts; put one on each line")
    if task == "question-answering" and any(text.question is None for text in found):
        raise ConfigError(f'{path}: question answering needs JSON lines with "question" and "text"')
    return found


def _json_lines(path: Path, content: str) -> Iterator[Text]:
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            text = row.get("text", row.get("context"))
        except (ValueError, AttributeError) as exc:
            raise ConfigError(f"{path}, line {number}: not a JSON object") from exc
        if not isinstance(text, str):
            raise ConfigError(f'{path}, line {number}: no "text"')
        if text.strip():
            yield Text(text, row.get("question"), row.get("reference", row.get("target")))


def make_samples(
    texts: Sequence[Text],
    task: Task,
    tokenizer: Tokenizer,
    max_length: int,
    *,
    longest: int = LONGEST,
) -> list[Sample]:
    """Tokenise the texts; of one that is too long, the beginning, or all of it for a decoder.

    A decoder's long text becomes several samples of at most ``longest`` tokens, each of which
    begins anew.
    """
    if task == "question-answering":
        return [Sample(tokenizer.pair_windows(t.question or "", t.text)[0]) for t in texts]
    limit = min(longest, max_length)
    if task == "text-generation":
        every = (tokenizer.ids(text.text) for text in texts)
        return [
            Sample(_window(ids[start : start + limit]))
            for ids in every
            for start in range(0, len(ids), limit)
        ]
    if task in {"summarization", "translation"}:
        return [
            Sample(_window(tokenizer.ids(t.text)[:limit]), _target(t, tokenizer, limit))
            for t in texts
        ]
    windows: dict[int, Window] = {}
    for window in tokenizer.windows([t.text for t in texts]):
        windows.setdefault(window.text_index, window)
    return [Sample(windows[index]) for index in range(len(texts))]


def _target(text: Text, tokenizer: Tokenizer, limit: int) -> tuple[int, ...]:
    return () if text.reference is None else tuple(tokenizer.ids(text.reference)[:limit])


def _window(ids: list[int]) -> Window:
    array = np.array(ids, dtype=np.int64)
    return Window(0, array, np.zeros_like(array), [], [])
