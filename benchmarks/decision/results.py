"""The decision's results: goals, and tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.decision.alarm import Alarm
from benchmarks.decision.follow_ups import FollowUps, Mistaken
from benchmarks.decision.guarantee import Promise
from benchmarks.decision.reliability import Reliability
from benchmarks.decision.router import SHIPPED, Line, Router
from benchmarks.decision.scope import ScopeScore
from benchmarks.harness.report import markdown
from edge_export.evaluation.metrics import Score

_PROMISED = 0.05  # alpha by default
_KEPT = 0.95
_GAP = 0.03  # between confidence and accuracy
_FALSE_ALARMS = 0.02
_FLOOR = 0.685  # AUROC of words and logistic regression on the test questions
_PUBLISHED = 0.55  # share of strong calls that the published routers need


def goals_met(
    promises: Sequence[Promise],
    routing: Sequence[Router],
    reliability: Sequence[Reliability],
    alarms: Sequence[Alarm],
) -> dict[str, bool]:
    """Return each goal in words, and whether it is met."""
    goals = {
        f"{each.head}: error at most {each.alpha:g} in {_KEPT:.0%} of the calibrations": (
            each.kept >= _KEPT * each.draws
        )
        for each in promises
        if each.alpha == _PROMISED
    }
    goals |= {
        f"{each.head}: calibration error at most {_GAP}": each.error <= _GAP
        for each in reliability
        if each.is_shipped
    }
    for found in alarms:
        name = f"drift alarm of {found.n} texts"
        goals[f"{name}: rings within 500 queries"] = not any(found.late.values())
        goals[f"{name}: a false alarm within 20,000 queries in {_FALSE_ALARMS:.0%} at most"] = (
            found.false_alarms <= _FALSE_ALARMS * found.runs
        )
    return goals | _of_routers(routing)


def to_markdown(
    promises: Sequence[Promise],
    scope: Sequence[ScopeScore],
    routing: Sequence[Router],
    reliability: Sequence[Reliability],
    alarms: Sequence[Alarm],
) -> str:
    """Return the tables."""
    kept = markdown(
        ["head", "alpha", "kept", "95 % interval", "coverage", "selective error", "no threshold"],
        [
            [
                each.head, f"{each.alpha:g}", f"{each.kept} of {each.draws}",
                f"{each.low:.3f} to {each.high:.3f}", f"{each.coverage:.3f}", f"{each.error:.4f}",
                f"{each.none}",
            ]
            for each in promises
        ],
    )  # fmt: skip
    gaps = markdown(
        ["head", "confidence", "n", "calibration error", "by chance", "log loss", "AUROC"],
        [
            [
                each.head, each.method, f"{each.n}", f"{each.error:.4f}", f"{each.chance:.4f}",
                f"{each.log_loss:.4f}", f"{each.auroc:.4f}",
            ]
            for each in reliability
        ],
        text_columns=2,
    )  # fmt: skip
    found = markdown(
        ["out-of-scope score", "AUROC", "95 % interval", "accepted at 95 % in scope", "bytes"],
        [
            [
                each.name, f"{each.auroc.value:.4f}",
                f"{each.auroc.low:.4f} to {each.auroc.high:.4f}", f"{each.fpr95:.3f}",
                f"{each.bytes}",
            ]
            for each in scope
        ],
    )  # fmt: skip
    rung = markdown(
        ["drift alarm: texts", "false alarms in 20,000", "95 % at most",
         "rings at 50 %: median", "longest", "rings at 100 %: median", "longest"],
        [
            [
                f"{each.n}", f"{each.false_alarms} of {each.runs}", f"{each.high:.3f}",
                *(f"{value:g}" for delay in each.delays.values() for value in delay),
            ]
            for each in alarms
        ],
    )  # fmt: skip
    routed = markdown(
        ["router", "AUROC", "5 folds of train", "APGR", "CPT(50 %)", "CPT(80 %)", "CPT(95 %)",
         "95 % quality"],
        [
            [
                each.name, _with_interval(each.auroc), _with_interval(each.crossed),
                f"{each.apgr:.3f}", *(f"{value:.3f}" for value in each.cpt.values()),
                f"{each.quality95:.3f}",
            ]
            for each in routing
        ],
    )  # fmt: skip
    return f"{kept}\n\n{_by_source(promises)}\n\n{gaps}\n\n{found}\n\n{rung}\n\n{routed}"


def line_table(strong: Sequence[Line]) -> str:
    """Return what a worker's line between its models is worth."""
    return markdown(
        ["strong from a difficulty of", "strong calls", "of the strong model's quality"],
        [[f"{each.above:g}", f"{each.strong:.1%}", f"{each.quality:.1%}"] for each in strong],
    )


def follow_up_tables(following: Sequence[FollowUps], taken: Sequence[Mistaken]) -> str:
    """Return how many questions about what was said before are answered here, and mistakes."""
    questions = markdown(
        ["answered on the device", "n", "by the head alone", "with words", "after an answer"],
        [
            [each.name, f"{each.n}", f"{each.head_alone:.1%}", f"{each.with_words:.1%}",
             f"{each.after_answer:.1%}"]
            for each in following
        ],
    )  # fmt: skip
    commands = markdown(
        ["commands taken for a follow-up", "n", "always", "after an answer"],
        [[each.name, f"{each.n}", f"{each.wholly}", f"{each.partly}"] for each in taken],
    )
    return f"{questions}\n\n{commands}"


def goal_table(goals: dict[str, bool]) -> str:
    """Return a line for each goal."""
    return markdown(
        ["goal", ""],
        [[goal, "met" if is_met else "MISSED"] for goal, is_met in goals.items()],
        text_columns=2,
    )


def _by_source(promises: Sequence[Promise]) -> str:
    """Return what one threshold for all means for each data set: the promise is about the mix."""
    return markdown(
        ["head", "data set", "selective error at alpha 0.05"],
        [
            [each.head, source, f"{error:.4f}"]
            for each in promises
            if each.alpha == _PROMISED
            for source, error in each.by_source.items()
        ],
        text_columns=2,
    )


def _of_routers(routing: Sequence[Router]) -> dict[str, bool]:
    """Judge what a device has: the other routers show what more could be had."""
    shipped = next(each for each in routing if each.name == SHIPPED)
    return {
        f"hard questions: AUROC above {_FLOOR}": bool(
            shipped.auroc and (shipped.auroc.value or 0) > _FLOOR
        ),
        f"hard questions: 95 % of the quality with less than {_PUBLISHED:.0%} of the calls": (
            shipped.quality95 < _PUBLISHED
        ),
    }


def _with_interval(found: Score | None) -> str:
    if found is None:
        return ""
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
