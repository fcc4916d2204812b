"""Tables and plots of the encoders, and the goal for their memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.encoders.contestants import OURS, REFERENCE, Form
from benchmarks.harness.alternation import Runs
from benchmarks.harness.figures import Verdict, figures
from benchmarks.harness.groups import clock
from benchmarks.harness.plot import Bar, Panel
from benchmarks.harness.report import goal_table, markdown

MEMORY_MARGIN_BYTES = 65_000_000


@dataclass(frozen=True)
class Agreement:
    """The least cosine between a contestant's vectors and those of transformers in fp32."""

    group: str
    contestant: str
    cosine: float


def agreements(runs: Runs) -> list[Agreement]:
    """Compare the vectors of all cases; none where the reference did not take part."""
    found: dict[tuple[str, str], float] = {}
    for (group, contestant, case), facts in runs.facts.items():
        reference = runs.facts.get((group, REFERENCE, case))
        if reference is not None:
            cosine = float(np.dot(facts["vector"], reference["vector"]))
            found[group, contestant] = min(cosine, found.get((group, contestant), 1.0))
    return [Agreement(*key, cosine) for key, cosine in found.items()]


def bundle_bytes(bundle: Path) -> int | None:
    """Return the size of a bundle's files, None if it was not made."""
    files = [path for path in bundle.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files) or None


def memory_is_met(runs: Runs, size: int | None) -> bool | None:
    """Whether ours never took more than its bundle and the margin; None if it did not run."""
    peaks = [each.peak_rss_bytes for (_, name), each in runs.footprints.items() if name == OURS]
    if size is None or not peaks:
        return None
    return max(peaks) <= size + MEMORY_MARGIN_BYTES


def to_markdown(
    runs: Runs,
    forms: Sequence[Form],
    found: Sequence[Agreement],
    size: int | None,
    verdicts: Sequence[Verdict],
) -> str:
    """Return a table for each number of threads, then one with the goals."""
    cosines = {(each.group, each.contestant): each.cosine for each in found}
    groups = dict.fromkeys([each.group for each in runs.samples] + [g for g, _ in runs.missing])
    parts = []
    for group in groups:
        parts += [f"## {group}", _table(group, runs, forms, cosines)]
    met = {None: "not measured", True: "met", False: "MISSED"}[memory_is_met(runs, size)]
    memory = (
        f"Peak memory of {OURS} at most its bundle ({(size or 0) / 1e6:.1f} MB) and "
        f"{MEMORY_MARGIN_BYTES / 1e6:.0f} MB: {met}."
    )
    return "\n\n".join([*parts, "## Goals", goal_table(verdicts), memory])


def panels(runs: Runs, ours: str) -> list[Panel]:
    """Return a panel for each case and number of threads."""
    found: dict[tuple[str, str], list[Bar]] = {}
    for each in figures(runs.samples):
        rate = each.rate(clock(each.group))
        bar = Bar(each.contestant, rate.median, rate.q1, rate.q3, each.contestant == ours)
        found.setdefault((each.group, each.case), []).append(bar)
    return [
        Panel(f"{case}, {group}", f"texts/s, {clock(group)} time", bars)
        for (group, case), bars in found.items()
    ]


def _table(
    group: str, runs: Runs, forms: Sequence[Form], cosines: dict[tuple[str, str], float]
) -> str:
    measured = {
        (each.contestant, each.case): each.rate(clock(group))
        for each in figures(runs.samples)
        if each.group == group
    }
    names = list(dict.fromkeys(case for _, case in measured))
    rows = []
    for form in forms:
        footprint = runs.footprints.get((group, form.name))
        if footprint is None:
            reason = runs.missing.get((group, form.name), "")
            rows.append([form.name, f"missing: {reason}", *[""] * (len(names) + 2)])
            continue
        rates = [measured[form.name, case] for case in names]
        cosine = cosines.get((group, form.name))
        rows.append([
            form.name, *(f"{rate.median:.1f} ({rate.mad:.1f})" for rate in rates),
            "" if cosine is None else f"{cosine:.4f}",
            f"{footprint.load_s:.2f}", f"{footprint.peak_rss_bytes / 1e6:.0f}",
        ])  # fmt: skip
    header = ["texts/s (MAD)", *names, "cosine to fp32", "load s", "peak RSS MB"]
    return f"{markdown(header, rows)}\n\nRates are by {clock(group)} time."
