"""The golden set: texts whose answers are known, asked of a version before and while it is used."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from edge_runtime.errors import EdgeError
from edge_runtime.messages import Answer, Request, RequestPolicy
from edge_runtime.updates.contents import Golden

Begin = Callable[[Request], object]
"""Answers a request, as ``Assistant.begin`` does; raises EdgeError."""

_LEAST_SAMPLES = 40  # for a p95 that two slow ones do not decide
_LONGEST_S = 10.0
_MOST_SHOWN = 3
_ALONE = RequestPolicy(privacy="local")


class Score(msgspec.Struct, frozen=True):
    """How many texts were answered as expected; ``wrong`` tells of the first that were not."""

    right: int
    total: int
    p95_ms: float
    wrong: list[str] = []

    @property
    def share(self) -> float:
        """The share that was right, 1 of an empty set."""
        return self.right / self.total if self.total else 1.0


def ask_golden(begin: Begin, golden: Sequence[Golden]) -> Score:
    """Ask each text, and again until there are enough samples for a p95 or 10 s are over.

    Nothing leaves the device: the requests are private.
    """
    if not golden:
        return Score(0, 0, 0.0)
    wrong = [said for said in (_why_wrong(begin, row)[1] for row in golden) if said]
    times: list[float] = []
    until = time.monotonic() + _LONGEST_S
    while len(times) < max(_LEAST_SAMPLES, len(golden)) and (
        len(times) < len(golden) or time.monotonic() < until
    ):
        times.append(_why_wrong(begin, golden[len(times) % len(golden)])[0])
    return Score(len(golden) - len(wrong), len(golden), _p95(times), wrong[:_MOST_SHOWN])


def _why_wrong(begin: Begin, row: Golden) -> tuple[float, str | None]:
    started = time.perf_counter()
    try:
        answer = begin(Request(text=row.text, task=row.task, policy=_ALONE))
    except EdgeError as exc:
        return 0.0, f"{row.text!r}: {exc}"
    took_ms = (time.perf_counter() - started) * 1000
    if not isinstance(answer, Answer):
        return took_ms, f"{row.text!r}: it was not answered here"
    if answer.error is not None:
        return took_ms, f"{row.text!r}: {answer.error.message}"
    result = answer.result or {}
    for key, expected in row.expect.items():
        if not _holds(result.get(key), expected):
            return took_ms, f"{row.text!r}: {key} is {result.get(key)!r}, not {expected!r}"
    return took_ms, None


def _holds(found: Any, expected: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether a value is what is expected; of an object only the named keys count."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            _holds(found.get(key), value) for key, value in expected.items()
        )
    return bool(found == expected)


def _p95(times: Iterable[float]) -> float:
    ordered = sorted(times)
    return ordered[math.ceil(0.95 * len(ordered)) - 1] if ordered else 0.0
