"""What is asked, and whether the guest says what this machine says."""

from __future__ import annotations

import json
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
# Products of int8 are equal everywhere; where the last bits of a float decide how something is
# rounded to int8, a score moves. benchmarks.arm64 measures that; here the choices are compared.
_SCORES, _VECTORS = 0.25, 0.02
_ASK_HERE = """\
import json, sys
import msgspec
from edge_runtime import load
from edge_runtime.messages import Request
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
    """Return how far numbers are apart at most, None if anything else differs."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other)
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return _worst([difference(one[key], other[key]) for key in one])
    if isinstance(one, list) and isinstance(other, list) and _are_scored(one + other):
        # equal scores stand in any order, and the last of them may be left out
        scores: list[dict[str, float]]
        scores = [{each["label"]: each["score"] for each in part} for part in (one, other)]
        labels = scores[0].keys() | scores[1].keys()
        return max(abs(scores[0].get(k, 0.0) - scores[1].get(k, 0.0)) for k in labels)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return _worst([difference(a, b) for a, b in zip(one, other, strict=True)])
    return 0.0 if one == other else None


def is_same(one: object, other: object) -> bool:
    """Whether answers choose the same, with scores and vectors that are near."""
    found = difference(one, other)
    is_vector = isinstance(one, dict) and "vector" in one
    return found is not None and found <= (_VECTORS if is_vector else _SCORES)


def _are_scored(items: list[Any]) -> bool:
    return bool(items) and all(
        isinstance(each, dict) and each.keys() == {"label", "score"} for each in items
    )


def _worst(found: list[float | None]) -> float | None:
    numbers = [each for each in found if each is not None]
    return None if len(numbers) < len(found) else max(numbers, default=0.0)
