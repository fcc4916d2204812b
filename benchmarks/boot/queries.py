"""What is asked, and whether the guest says what this machine says."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCAL = {"privacy": "local"}
# task, text: answered by the small model alone
QUERIES = [
    ("ask", "turn on the kitchen light"),
    ("ask", "set the bedroom to 21 degrees"),
    ("ask", "play some jazz in the living room"),
    ("classify", "I love it, but the battery died after two days."),
    ("classify", "remind me to call mum tomorrow"),
    ("tag", "Angela Merkel met Emmanuel Macron in Berlin."),
    ("embed", "light"),
    ("embed", "why is the sky blue?"),
]
# goes to the large model, or waits for it
OPEN = "Write a poem about lighthouse number {number} for Angela Fischer"

_TIMEOUT_S = 120
# Every product of int8 is exact on both sides. What goes into it is rounded to int8, and where a
# float lies between two steps its last bit, which no two processors share, decides; after six
# layers outputs are .20 apart (root mean square, relative), and .18 on one machine alone when last
# bits are changed: benchmarks.arm64 measures both. What is chosen has to be the same.
_SCORES = 0.25
_VECTORS = 0.01  # 1 - cosine; .003 was seen
_ASK_HERE = """\
import json, sys
import msgspec
from edge_runtime import load
with load("assistant") as assistant:
    answers = []
    for task, text in json.load(sys.stdin):
        if task == "embed":
            answers.append({"result": {"vector": assistant.embed([text])[0].tolist()}})
            continue
        answer = getattr(assistant, task)(text)
        answers.append(json.loads(msgspec.json.encode(answer)))
print(json.dumps(answers))
"""


def here(code: Path) -> list[dict[str, Any]]:
    """Return this machine's answers, by the code that the guest runs.

    Raises:
        OSError: it fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", _ASK_HERE],
        input=json.dumps(QUERIES), capture_output=True, text=True, check=False,
        timeout=_TIMEOUT_S, env={"PYTHONPATH": str(code), "EDGE_SOCKET": "off"},
    )  # fmt: skip
    if done.returncode:
        raise OSError(f"this machine cannot answer: {done.stderr.strip().splitlines()[-1:]}")
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def difference(one: object, other: object) -> float | None:
    """Return how far numbers are apart at most, None if anything else differs.

    Vectors are apart by one less the cosine of their angle.
    """
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other)
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        if _is_vector(one):
            return _angle(one["vector"], other["vector"])
        return _worst([difference(one[key], other[key]) for key in one])
    if isinstance(one, list) and isinstance(other, list):
        if _are_scored(one) and _are_scored(other):
            return _scores_apart(one, other)
        if len(one) == len(other):
            return _worst([difference(a, b) for a, b in zip(one, other, strict=True)])
    return 0.0 if one == other else None


def is_same(one: object, other: object) -> bool:
    """Whether answers choose the same, with scores and vectors that are near."""
    found = difference(one, other)
    return found is not None and found <= (_VECTORS if _is_vector(one) else _SCORES)


def _is_vector(answer: object) -> bool:
    return isinstance(answer, dict) and answer.keys() == {"vector"}


def _angle(one: list[float], other: list[float]) -> float | None:
    if len(one) != len(other):
        return None
    lengths = math.hypot(*one) * math.hypot(*other)
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return 1.0 - product / lengths if lengths else None


def _are_scored(items: list[Any]) -> bool:
    """Whether these are labels with scores, the best first."""
    return bool(items) and all(
        isinstance(each, dict) and each.keys() == {"label", "score"} for each in items
    )


def _scores_apart(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> float | None:
    if one[0]["label"] != other[0]["label"]:
        return None
    # those behind the first stand in any order, and the last of them may be left out
    ours, theirs = ({each["label"]: each["score"] for each in part} for part in (one, other))
    apart = [
        abs(ours.get(each, 0.0) - theirs.get(each, 0.0)) for each in ours.keys() | theirs.keys()
    ]
    return float(max(apart))


def _worst(found: list[float | None]) -> float | None:
    numbers = [each for each in found if each is not None]
    return None if len(numbers) < len(found) else max(numbers, default=0.0)
