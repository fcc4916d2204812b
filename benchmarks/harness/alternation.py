"""Contestants take turns: A B C A B C …, after a warm-up of each."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmarks.harness.machine import busy_cores
from benchmarks.harness.process import ContestantError, Measured

Case = Mapping[str, Any]

_LOOK_S = 1.0  # at what else the machine does, before and after
_PAUSE_S = 0.1  # in which the threads of the one before stop to spin


class Contestant(Protocol):
    """Whoever can be asked to run a case once."""

    @property
    def name(self) -> str:
        """What tables call it."""

    def measure(self, case: Case) -> Measured:
        """Run a case once.

        Raises:
            ContestantError: it cannot.
        """


@dataclass(frozen=True)
class Sample:
    """One timed part of one run; ``group`` is what all contestants had in common, as ``threads``.

    Samples of the same group, case, part and round are of neighbouring runs.
    """

    group: str
    contestant: str
    case: str
    part: str
    round: int
    wall_s: float
    cpu_s: float
    units: int


@dataclass(frozen=True)
class Footprint:
    """What a contestant took: seconds to load its model, memory at the end, and its versions."""

    load_s: float
    peak_rss_bytes: int
    versions: dict[str, str]


@dataclass
class Runs:
    """What was measured: samples, the last facts of each contestant and case, and who failed.

    ``footprints`` and ``missing`` are by group and contestant; ``busy_cores`` by group: how many
    cores others used while the contestants waited.
    """

    samples: list[Sample] = field(default_factory=list)
    footprints: dict[tuple[str, str], Footprint] = field(default_factory=dict)
    facts: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    missing: dict[tuple[str, str], str] = field(default_factory=dict)
    busy_cores: dict[str, float] = field(default_factory=dict)


def alternate(
    runs: Runs,
    group: str,
    contestants: Sequence[Contestant],
    cases: Mapping[str, Case],
    *,
    rounds: int,
) -> None:
    """Run every case with every contestant in turn, and add what was measured to ``runs``.

    The first turn of each warms it up and does not count. Who fails is missing from then on, with
    the samples that it has.
    """
    playing = list(contestants)
    busy = busy_cores(_LOOK_S)
    for turn in range(rounds + 1):
        for name, case in cases.items():
            _say(f"{group}: {'warm-up' if turn == 0 else f'round {turn} of {rounds}'}, {name}")
            for contestant in tuple(playing):
                time.sleep(_PAUSE_S)
                try:
                    measured = contestant.measure(case)
                except ContestantError as exc:
                    _say(f"{contestant.name}: {exc}")
                    runs.missing[group, contestant.name] = f"{name}: {exc}"
                    playing.remove(contestant)
                    continue
                if turn > 0:
                    runs.facts[group, contestant.name, name] = measured.facts
                    runs.samples += _samples(group, contestant.name, name, turn, measured)
    time.sleep(_PAUSE_S)
    runs.busy_cores[group] = max(busy, busy_cores(_LOOK_S))


def _samples(group: str, contestant: str, case: str, turn: int, measured: Measured) -> list[Sample]:
    return [
        Sample(group, contestant, case, part, turn, timing.wall_s, timing.cpu_s, timing.units)
        for part, timing in measured.timings.items()
    ]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
