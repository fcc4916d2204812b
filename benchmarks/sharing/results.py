"""The tables, and in words what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from benchmarks.harness.report import markdown
from benchmarks.sharing.comparison import Comparison
from benchmarks.sharing.cost import ONE, TWO, Cost
from edge_export.evaluation.metrics import Score

WORTH = 0.01
"""The mean gain, a point, from which twice the time and the bytes would be spent."""


_CAUTION = (
    "One seed each: the intervals are of texts, not of trainings. A step is a batch; a text that "
    "both kinds of heads learn from is read once by one encoder, and by both of two."
)


class Trained(msgspec.Struct, frozen=True):
    """How a variant was trained: its steps and the seconds they took."""

    variant: str
    steps: int
    train_s: float


class Length(msgspec.Struct, frozen=True):
    """What trainings of so many epochs gave; ``means`` are the mean gains by kind of head.

    ``start`` names the bundle that they began with, if it was not the base model.
    """

    epochs: float
    start: str | None
    trained: list[Trained]
    comparisons: list[Comparison]
    means: dict[str, Score]


def to_markdown(lengths: Sequence[Length], costs: Sequence[Cost]) -> str:
    """Return the conclusion, then a table of the costs and one for each length of training."""
    parts = [conclusion(lengths, costs), _CAUTION]
    if costs:
        parts += ["## Cost", _cost_table(costs)]
    for length in reversed(lengths):
        steps = ", ".join(f"{each.variant} {each.steps} steps" for each in length.trained)
        parts += [f"## {length.epochs:g} epochs", f"{steps}; int8.", _table(length)]
    return "\n\n".join(parts)


def to_json(lengths: Sequence[Length], costs: Sequence[Cost]) -> dict[str, Any]:
    """Return the same as plain objects."""
    document: dict[str, Any] = {
        "lengths": msgspec.to_builtins(lengths),
        "costs": msgspec.to_builtins(costs),
        "worth": WORTH,
    }
    if lengths:
        document["conclusion"] = conclusion(lengths, costs)
    return document


def conclusion(lengths: Sequence[Length], costs: Sequence[Cost]) -> str:
    """Say what sharing costs in accuracy and saves in time, and which of them is more."""
    *shorter, length = lengths
    better, worse = (
        [
            f"{each.head} on {each.data}, {each.metric}"
            for each in length.comparisons
            if each.differs == sign
        ]
        for sign in (1, -1)
    )
    count = len(length.comparisons)
    said = (
        f"Trained for {length.epochs:g} epochs, begun with the weights of "
        f"{length.start or 'the base model'}, every head on as many of its rows, {TWO} are above "
        f"{ONE} by, in points, mean over the data sets: {_gains(length)}. Of {count} measures "
        f"{len(better)} are better beyond chance{_named(better)}, {len(worse)} are "
        f"worse{_named(worse)}."
    )
    for each in reversed(shorter):
        said += f" After {each.epochs:g} epochs it was: {_gains(each)}."
    if costs:
        prices = ", ".join(f"{each.quantity} x {each.ratio:.2f}" for each in costs)
        said += f" {TWO.capitalize()} cost: {prices}."
    return f"{said} {_verdict(length.means)}"


def _gains(length: Length) -> str:
    return "; ".join(f"{kind} {_points(mean)}" for kind, mean in length.means.items())


def _verdict(means: Mapping[str, Score]) -> str:
    """Return which heads deserve an encoder of their own; every interval must be above 0."""
    worth = [
        kind
        for kind, mean in means.items()
        if (mean.value or 0.0) >= WORTH and (mean.low or 0.0) > 0
    ]
    if not worth:
        return f"No kind of head gains {100 * WORTH:g} point beyond chance: one forward pass."
    return f"A gain of at least {100 * WORTH:g} point beyond chance for: {', '.join(worth)}."


def _named(names: Sequence[str]) -> str:
    return f" ({'; '.join(names)})" if names else ""


def _points(score: Score) -> str:
    if score.value is None or score.low is None or score.high is None:
        return "not measured"
    return f"{100 * score.value:+.1f} ({100 * score.low:+.1f} to {100 * score.high:+.1f})"


def _table(length: Length) -> str:
    rows = [
        [
            each.kind,
            each.head,
            each.data,
            each.metric,
            str(each.n),
            *("" if s.value is None else f"{s.value:.4f}" for s in (each.one, each.two)),
            _points(each.gain),
        ]
        for each in length.comparisons
    ]
    rows += [
        [kind, "", "mean, without the embedding", "", "", "", "", _points(s)]
        for kind, s in length.means.items()
    ]
    header = ["encoder", "head", "data", "metric", "n", ONE, TWO, "gain in points (95 %)"]
    return markdown(header, rows, text_columns=4)


def _cost_table(costs: Sequence[Cost]) -> str:
    rows = [
        [
            each.quantity,
            f"{each.one:.2f}",
            f"{each.two:.2f}",
            f"{each.ratio:.2f}"
            + ("" if each.low is None else f" ({each.low:.2f} to {each.high:.2f})"),
        ]
        for each in costs
    ]
    return markdown(["", ONE, TWO, "ratio (95 %)"], rows)
