"""Tables and plots of the decoders."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.decoders.bench import MEMORY
from benchmarks.decoders.contestants import Form
from benchmarks.harness.alternation import Runs, Sample
from benchmarks.harness.figures import Figure, Verdict, figures
from benchmarks.harness.groups import clock
from benchmarks.harness.plot import Bar, Panel
from benchmarks.harness.report import goal_table, markdown
from benchmarks.harness.statistics import paired_ratio

_OUTLIERS = Path(__file__).parents[1] / "results" / "outliers" / "results.json"


def outlier_errors(path: Path = _OUTLIERS) -> dict[tuple[str, str], float]:
    """Relative logit errors on planted outliers by runtime and form, empty if none are there."""
    if not path.is_file():
        return {}
    return {
        (result["runtime"], result["form"]): result["accuracy"]["relative_error"]
        for result in json.loads(path.read_text())["results"]
        if result["variant"] == "outliers" and result["accuracy"] is not None
    }


def to_markdown(
    runs: Runs,
    read_bytes: Mapping[tuple[str, str], int],
    forms: Sequence[Form],
    verdicts: Sequence[Verdict],
) -> str:
    """Return a table for each shape and number of threads, then one with the goals."""
    parts = []
    groups = dict.fromkeys([each.group for each in runs.samples] + [g for g, _ in runs.missing])
    for group in groups:
        parts += [f"## {group}", _table(group, runs, read_bytes, forms)]
    return "\n\n".join([*parts, "## Goals", goal_table(verdicts)])


def panels(runs: Runs, forms: Sequence[Form]) -> list[Panel]:
    """Return a panel for each part of each case."""
    ours = {form.name for form in forms if form.is_ours}
    found: dict[tuple[str, str, str], list[Bar]] = {}
    for each in figures(runs.samples):
        if each.part == "read" or (each.part == "prefill" and each.case == "context 64"):
            continue
        rate = each.rate(clock(each.group))
        bar = Bar(each.contestant, rate.median, rate.q1, rate.q3, each.contestant in ours)
        found.setdefault((each.group, each.case, each.part), []).append(bar)
    return [
        Panel(f"{group}: {part}, {case}", f"tokens/s, {clock(group)} time", bars)
        for (group, case, part), bars in found.items()
    ]


def roof_share(samples: Sequence[Sample], name: str, case: str, read_bytes: int) -> float | None:
    """Bytes of weights that decode reads in a second, as a share of what memory gives.

    ``samples`` are those of one group.
    """
    rates: list[dict[int, float]] = [{}, {}]
    for each in samples:
        if each.case == case and (each.contestant, each.part) == (name, "decode"):
            rates[0][each.round] = each.units * read_bytes / each.wall_s
        if each.case == case and each.contestant == MEMORY:
            rates[1][each.round] = each.units / each.wall_s
    rounds = sorted(rates[0].keys() & rates[1].keys())
    if not rounds:
        return None
    return paired_ratio(*([side[number] for number in rounds] for side in rates)).median


def _table(
    group: str, runs: Runs, read_bytes: Mapping[tuple[str, str], int], forms: Sequence[Form]
) -> str:
    samples = [each for each in runs.samples if each.group == group]
    measured = {(e.contestant, e.case, e.part): e for e in figures(samples)}
    columns = list(dict.fromkeys((e.part, e.case) for e in measured.values() if e.part != "read"))
    columns.sort(key=lambda column: (column[0] != "prefill", int(column[1].split()[-1])))
    errors = outlier_errors() if group.startswith("smollm2") else {}
    rows = []
    for form in forms:
        reason = runs.missing.get((group, form.name))
        if reason is not None:
            rows.append([form.name, f"missing: {reason}"])
            continue
        footprint, read = runs.footprints[group, form.name], read_bytes[group, form.name]
        cells = [_cell(measured.get((form.name, case, part))) for part, case in columns]
        error = errors.get((form.runtime, form.accuracy or ""))
        rows.append([
            form.name, *cells, _share(samples, form, columns, read),
            f"{read / 1e6:.0f}", f"{footprint.load_s:.2f}",
            f"{footprint.peak_rss_bytes / 1e6:.0f}", "" if error is None else f"{error:.4f}",
        ])  # fmt: skip
    header = [
        "tokens/s (MAD)", *(f"{part} {case.removeprefix('context ')}" for part, case in columns),
        "share of memory's rate", "MB read per token", "load s", "peak RSS MB", "logit error",
    ]  # fmt: skip
    padded = [row + [""] * (len(header) - len(row)) for row in rows]
    return f"{markdown(header, padded)}\n\n{_footnote(measured, group)}"


def _footnote(measured: Mapping[tuple[str, str, str], Figure], group: str) -> str:
    rates = [e.wall_rate.median for e in measured.values() if e.contestant == MEMORY]
    roof = f"Memory gives {max(rates) / 1e9:.1f} GB/s. " if rates else ""
    return (
        f"{roof}Rates are by {clock(group)} time; the share is by wall time, at the "
        "shortest context; the logit error is that on planted outliers."
    )


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    rate = figure.rate(clock(figure.group))
    return f"{rate.median:.1f} ({rate.mad:.1f})"


def _share(
    samples: Sequence[Sample], form: Form, columns: Sequence[tuple[str, str]], read: int
) -> str:
    cases = [case for part, case in columns if part == "decode"]
    share = roof_share(samples, form.name, cases[0], read) if cases else None
    return "" if share is None else f"{share:.0%}"
