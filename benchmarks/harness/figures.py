"""Samples to figures: rates with their spread, and goals with the ratio that decides them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.harness.alternation import Runs, Sample
from benchmarks.harness.statistics import Ratio, Spread, paired_ratio, spread

Clock = Literal["cpu", "wall"]
Quantity = Literal["rate", "time"]

_MOST_BUSY_CORES = 0.2
_FEWEST_PAIRS = 5  # for an interval that says anything


@dataclass(frozen=True)
class Figure:
    """Units per second, and milliseconds per run, of one part of a case; by both clocks."""

    group: str
    contestant: str
    case: str
    part: str
    wall_rate: Spread
    cpu_rate: Spread
    wall_ms: Spread
    cpu_ms: Spread

    def rate(self, clock: Clock) -> Spread:
        """Return units per second."""
        return self.cpu_rate if clock == "cpu" else self.wall_rate

    def ms(self, clock: Clock) -> Spread:
        """Return milliseconds per run."""
        return self.cpu_ms if clock == "cpu" else self.wall_ms


@dataclass(frozen=True)
class Goal:
    """Ours against a peer: a ratio of rates that is at least ``limit``, or of times at most."""

    ours: str
    peer: str
    group: str
    case: str
    part: str
    clock: Clock
    limit: float
    quantity: Quantity = "rate"

    def sentence(self) -> str:
        """Say what is wanted."""
        sign = "at least" if self.quantity == "rate" else "at most"
        return (
            f"{self.case} {self.part}, {self.group}: {self.ours} {sign} {self.limit:g} x "
            f"{self.peer} ({self.quantity}, {self.clock} clock)"
        )


@dataclass(frozen=True)
class Verdict:
    """A goal and its ratio, None where a side is missing; ``is_certain`` if the interval agrees.

    ``busy_cores`` is what others took of the machine. Threads that wait for each other lose many
    times what they are deprived of, so no ratio by the wall is believed then.
    """

    goal: Goal
    ratio: Ratio | None
    busy_cores: float = 0.0

    @property
    def is_disturbed(self) -> bool:
        """Whether others used so much of the machine that the ratio says nothing."""
        return self.goal.clock == "wall" and self.busy_cores > _MOST_BUSY_CORES

    @property
    def is_met(self) -> bool | None:
        """Whether the median meets the goal; None where that cannot be said."""
        if self.ratio is None or self.is_disturbed:
            return None
        return self._fits(self.ratio.median)

    @property
    def is_certain(self) -> bool:
        """Whether the whole interval lies on one side of the limit, of enough pairs to have one."""
        ratio = self.ratio
        if ratio is None or ratio.pairs < _FEWEST_PAIRS:
            return False
        return self._fits(ratio.low) == self._fits(ratio.high)

    def _fits(self, value: float) -> bool:
        return (
            value >= self.goal.limit if self.goal.quantity == "rate" else value <= self.goal.limit
        )


def figures(samples: Iterable[Sample]) -> list[Figure]:
    """Summarize samples, in the order in which their contestants and cases came."""
    found: dict[tuple[str, str, str, str], list[Sample]] = {}
    for each in samples:
        found.setdefault((each.group, each.contestant, each.case, each.part), []).append(each)
    return [
        Figure(
            *key,
            wall_rate=spread([each.units / each.wall_s for each in group]),
            cpu_rate=spread([each.units / each.cpu_s for each in group]),
            wall_ms=spread([1e3 * each.wall_s for each in group]),
            cpu_ms=spread([1e3 * each.cpu_s for each in group]),
        )
        for key, group in found.items()
    ]


def judge(goals: Iterable[Goal], runs: Runs) -> list[Verdict]:
    """Decide every goal by the rounds that both sides ran."""
    return [
        Verdict(goal, _ratio(goal, runs.samples), runs.busy_cores.get(goal.group, 0.0))
        for goal in goals
    ]


def _ratio(goal: Goal, samples: Sequence[Sample]) -> Ratio | None:
    value = _value(goal)
    sides: list[dict[int, float]] = []
    for contestant in (goal.ours, goal.peer):
        wanted = (goal.group, contestant, goal.case, goal.part)
        sides.append(
            {
                each.round: value(each)
                for each in samples
                if (each.group, each.contestant, each.case, each.part) == wanted
            }
        )
    rounds = sorted(sides[0].keys() & sides[1].keys())
    if not rounds:
        return None
    ours, peer = ([side[number] for number in rounds] for side in sides)
    return paired_ratio(ours, peer)


def _value(goal: Goal) -> Callable[[Sample], float]:
    def seconds(sample: Sample) -> float:
        return sample.cpu_s if goal.clock == "cpu" else sample.wall_s

    if goal.quantity == "rate":
        return lambda sample: sample.units / seconds(sample)
    return seconds
