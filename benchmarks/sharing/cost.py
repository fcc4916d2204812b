"""What two passes take that one does not: time, bytes, memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from benchmarks.harness.alternation import Case, Runs, alternate
from benchmarks.harness.figures import Goal, figures, judge
from benchmarks.harness.lineup import lineup
from benchmarks.harness.process import Entry
from benchmarks.outliers.models import make_ids, vocabulary_size
from benchmarks.sharing.passes import PART
from edge_runtime.bundles.store import Bundle

ONE, TWO = "one encoder", "two encoders"

_GROUP = "int8, 1 thread"
_MODULE = "benchmarks.sharing.passes"
_LENGTHS = (16, 32)
_TOKENS_A_RUN = 3200  # some 200 ms
_SEED = 1000


class Cost(msgspec.Struct, frozen=True):
    """A quantity of one encoder and of two; ``ratio`` is two to one, with its interval if timed."""

    quantity: str
    one: float
    two: float
    ratio: float
    low: float | None = None
    high: float | None = None


def time_passes(one: Bundle, two: Sequence[Bundle], rounds: int) -> Runs:
    """Let both read the same tokens in turn, with one thread, in processes of their own."""
    runs = Runs()
    entries = [
        Entry(name, _MODULE, {"bundles": [str(bundle.path) for bundle in bundles]})
        for name, bundles in ((ONE, [one]), (TWO, two))
    ]
    with lineup(runs, _GROUP, entries) as processes:
        alternate(runs, _GROUP, processes, _cases(vocabulary_size(one.path)), rounds=rounds)
    return runs


def costs(runs: Runs, one: Bundle, two: Sequence[Bundle]) -> list[Cost]:
    """Return CPU time by length, bytes on disk and peak memory; empty if a contestant failed."""
    if runs.missing:
        return []
    peaks = [runs.footprints[_GROUP, name].peak_rss_bytes / 1e6 for name in (ONE, TWO)]
    sizes = [sum(_bytes(bundle) for bundle in each) / 1e6 for each in ([one], two)]
    return [*_times(runs), _cost("files, MB", sizes), _cost("peak RSS, MB", peaks)]


def _times(runs: Runs) -> Iterator[Cost]:
    """Yield the time of each case, its ratio by the runs of the same round."""
    ms = {
        (each.case, each.contestant): 1e3 / each.cpu_rate.median for each in figures(runs.samples)
    }
    for case in dict.fromkeys(each.case for each in runs.samples):
        goal = Goal(TWO, ONE, _GROUP, case, PART, "cpu", 0.0, "time")
        (verdict,) = judge([goal], runs)
        if verdict.ratio is not None:
            ratio = verdict.ratio
            yield Cost(
                f"{case}, CPU ms", ms[case, ONE], ms[case, TWO], ratio.median, ratio.low, ratio.high
            )


def _cost(quantity: str, values: Sequence[float]) -> Cost:
    one, two = values
    return Cost(quantity, one, two, two / one)


def _cases(size: int) -> Mapping[str, Case]:
    return {
        f"{length} tokens": {
            "ids": make_ids(1, length, size, _SEED)[0].tolist(),
            "repeats": _TOKENS_A_RUN // length,
        }
        for length in _LENGTHS
    }


def _bytes(bundle: Bundle) -> int:
    return sum(file.stat().st_size for file in bundle.path.iterdir())
