"""Questions about what was said before: how many the device answers all the same.

Made ones, and the requests of HWU64 to explain an answer further, written by people. On the
commands of the data sets the words that tell such questions must find nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
import numpy as np

from benchmarks.assistant.sets import Sets
from edge_export.evaluation.metrics import rounded
from edge_runtime.assistant.reading import Reading, read
from edge_runtime.messages import RequestPolicy
from edge_runtime.routing.decision import Question, decide
from edge_runtime.routing.policy import OwnerPolicy
from edge_runtime.routing.referring import may_follow, means_nothing_alone
from edge_runtime.routing.rules import Facts

_OPENINGS = ("", "and ", "but ", "ok, ", "so ")
_CORES = (
    "why is that so", "why is that", "why is it like that", "how come", "how so", "why not",
    "what do you mean by that", "what does that mean", "what is the reason for that",
    "explain that", "explain it in more detail", "tell me more about it", "tell me more",
    "can you elaborate on that", "give me an example", "how does that work",
    "could you clarify that", "what do you mean", "why did that happen", "why was it like that",
    "can you say more about that", "in what way", "what are the reasons for this",
    "why would they do that", "how does it happen",
)  # fmt: skip
_ENDINGS = ("", "?", ", please")
_UNNAMED = (
    "how old is he", "where was she born", "when did it start", "who invented it",
    "what about france", "and in germany", "how far is that", "is that true",
    "what did he do next", "who was their leader", "how big is it", "where is that",
    "what happened then", "did they win", "when was that", "what is it made of",
    "and what about water", "how did she die", "why did he leave", "is it dangerous",
)  # fmt: skip
_HWU64 = "hwu64"
_EXPLAIN = "general_explain"
_COMMANDS = ("CLINC150", "HWU64: intents", "Home Assistant intents")


class FollowUps(msgspec.Struct, frozen=True):
    """Of ``n`` questions, the share that is answered on the device.

    By the intent head alone; with the words that only point elsewhere; and where the last answer
    of the session came from the large model, too.
    """

    name: str
    n: int
    head_alone: float
    with_words: float
    after_answer: float


class Mistaken(msgspec.Struct, frozen=True):
    """Of ``n`` commands, how many are taken for a question about what was said before."""

    name: str
    n: int
    wholly: int
    partly: int


def follow_ups(sets: Sets) -> list[FollowUps]:
    """Return the questions of each kind."""
    made = sorted({f"{a}{b}{c}" for a in _OPENINGS for b in _CORES for c in _ENDINGS})
    found = [
        _judged("made: why is that so", made, sets),
        _judged("made: of him, of it", _UNNAMED, sets),
    ]
    for split in dict.fromkeys(("train", sets.split)):
        texts = [text for text, intent in _hwu64(sets, split) if intent == _EXPLAIN]
        found.append(_judged(f"HWU64 {split}: explain further", texts, sets))
    return found


def mistaken(sets: Sets) -> list[Mistaken]:
    """Return the commands of each data set in scope, by what their words are taken for."""
    rows = []
    for data in sets.all():
        if data.name not in _COMMANDS:
            continue
        texts = [e.text for e in data.examples if e.label not in {"oos", _EXPLAIN}]
        wholly = sum(map(means_nothing_alone, texts))
        rows.append(Mistaken(data.name, len(texts), wholly, sum(map(may_follow, texts))))
    return rows


def _judged(name: str, texts: Sequence[str], sets: Sets) -> FollowUps:
    here = np.array([_is_answered(read(sets.encoder, text), sets) for text in texts])
    left = here & ~np.array([means_nothing_alone(text) for text in texts])
    shares = (here, left, left & ~np.array([may_follow(text) for text in texts]))
    return FollowUps(name, len(texts), *(rounded(float(each.mean())) for each in shares))


def _is_answered(reading: Reading, sets: Sets) -> bool:
    question = Question(
        Facts(intent=reading.intent.label), reading.confidence, reading.head, reading.calibration,
        sets.encoder.bundle.manifest.languages,
    )  # fmt: skip
    return decide(question, OwnerPolicy(), RequestPolicy()).sure


def _hwu64(sets: Sets, split: str) -> list[tuple[str, str]]:
    lines = (sets.data / _HWU64 / f"{split}.jsonl").read_text("utf-8").splitlines()
    rows = map(json.loads, lines)
    return [(row["text"], row["intent"]) for row in rows]
