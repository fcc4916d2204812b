"""What was measured, whether it meets the goal, and its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.harness.plot import Bar, Panel
from benchmarks.harness.report import markdown
from benchmarks.outliers.metrics import Accuracy

OURS, PEER = "edge-runtime", "llama.cpp"
DEFAULT_FORM, PEER_FORM = "int8-hybrid", "Q8_0"
MOST_ERROR = 0.03
MOST_RATIO = 1.3
_EXACT = {"fp32", "F32"}


@dataclass(frozen=True)
class Result:
    """One form of one model: an accuracy, or the reason why there is none."""

    variant: str
    runtime: str
    form: str
    size_bytes: int = 0
    accuracy: Accuracy | None = None
    missing: str | None = None


@dataclass(frozen=True)
class Goal:
    """Whether our default form is accurate enough on a variant; None where a side is missing."""

    variant: str
    error: float | None
    ratio_to_peer: float | None
    is_met: bool | None


def judge(results: Sequence[Result], variant: str) -> Goal:
    """Compare our default form with the limit and with llama.cpp's."""
    errors = {
        (result.runtime, result.form): result.accuracy.relative_error
        for result in results
        if result.variant == variant and result.accuracy is not None
    }
    error, peer = errors.get((OURS, DEFAULT_FORM)), errors.get((PEER, PEER_FORM))
    ratio = None if error is None or peer is None else error / peer
    if error is not None and error > MOST_ERROR:
        met: bool | None = False
    else:
        met = None if ratio is None else ratio <= MOST_RATIO
    return Goal(variant, error, ratio, met)


def to_markdown(results: Sequence[Result], goals: Sequence[Goal]) -> str:
    """Return a table with a row for each result, and a line for each goal."""
    header = ["Model", "Runtime", "Form", "MB", "Relative logit error", "Top-1 agreement", "KL"]
    lines = [markdown(header, map(_row, results), text_columns=3), ""]
    for goal in goals:
        error, ratio = (
            "not measured" if value is None else f"{value:.{digits}f}"
            for value, digits in ((goal.error, 4), (goal.ratio_to_peer, 2))
        )
        verdict = {None: "not decided", True: "met", False: "MISSED"}[goal.is_met]
        lines.append(
            f"Goal on {goal.variant}: {verdict}. {DEFAULT_FORM} error {error} (at most "
            f"{MOST_ERROR}), {ratio} times {PEER} {PEER_FORM}'s (at most {MOST_RATIO})."
        )
    return "\n".join(lines)


def panels(results: Sequence[Result]) -> list[Panel]:
    """Return a panel of errors for each model; what is missing has none."""
    found: dict[str, list[Bar]] = {}
    for each in results:
        bars = found.setdefault(each.variant, [])
        if each.accuracy is not None and each.form not in _EXACT:
            error = each.accuracy.relative_error
            bars.append(
                Bar(f"{each.runtime} {each.form}", error, error, error, each.runtime == OURS)
            )
    return [Panel(variant, "relative logit error", bars) for variant, bars in found.items()]


def _row(result: Result) -> list[str]:
    cells = [result.variant, result.runtime, result.form]
    if result.accuracy is None:
        return [*cells, "", f"missing: {result.missing or ''}", "", ""]
    accuracy = result.accuracy
    return [
        *cells,
        f"{result.size_bytes / 1e6:.0f}",
        f"{accuracy.relative_error:.4f}",
        f"{accuracy.top1_agreement:.1%}",
        f"{accuracy.kl:.4f}",
    ]
