"""``python -m benchmarks.decision``: exit status 1 if a goal is missed.

Tables, and as the last line of stdout a JSON document with every figure and what it depends on;
progress on stderr.
"""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.assistant.sets import DataSet, Sets
from benchmarks.decision.guarantee import Promise, promise
from benchmarks.decision.plots import draw_risk, draw_routers, draw_scope
from benchmarks.decision.pools import Pool, pool_of
from benchmarks.decision.router import Router, routers
from benchmarks.decision.scope import ScopeScore, scope_scores
from benchmarks.harness.report import begin, markdown, publish
from edge_export.calibrate import fit_threshold
from edge_runtime.bundles.store import Store
from edge_runtime.tasks.encoder import Encoder

_PACKAGES = ("edge-runtime", "numpy", "onnxruntime", "scikit-learn")
_HEADS = ("intent", "command", "sentiment")
_ALPHAS = (0.01, 0.02, 0.05, 0.10)
_DELTA = 0.05
_KEPT = 0.95
_FLOOR = 0.685  # AUROC of words and logistic regression on the test questions
_PUBLISHED = 0.55  # share of strong calls that the published routers need
_SEED = 13


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    document = begin("decision", _PACKAGES)
    bundle = Store(None).open(options.bundle)
    sets = Sets(Encoder(bundle), options.data, options.split)
    data = sets.all()
    pools = [
        pool_of(name, own, bundle.manifest)
        for name in _HEADS
        if (own := [each for each in data if each.head == name])
    ]
    promises = [
        promise(pool, alpha=alpha, delta=_DELTA, draws=options.draws, seed=_SEED)
        for pool in pools
        for alpha in _ALPHAS
    ]
    scope = _scope(pools, data, sets)
    routing = routers(sets)
    if options.out is not None:
        draw_risk([(pool, _confidence(pool)) for pool in pools], options.out / "risk_coverage.png")
        draw_routers(routing, options.out / "routers.png")
        if scope:
            draw_scope(scope, options.out / "out_of_scope.png")
    goals = _goals(promises, routing)
    document |= {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "bundle": bundle.model_name,
        "split": options.split,
        "skipped": sets.skipped,
        "promises": msgspec.to_builtins(promises),
        "out_of_scope": msgspec.to_builtins(scope),
        "routers": msgspec.to_builtins(routing),
        "goals": goals,
    }
    publish(_tables(promises, scope, routing, goals), document, options.out)
    return 0 if all(goals.values()) else 1


def _scope(pools: Sequence[Pool], data: Sequence[DataSet], sets: Sets) -> list[ScopeScore]:
    pool = next((pool for pool in pools if pool.head.out_of_scope), None)
    if pool is None or "embedding" not in sets.encoder.bundle.manifest.heads:
        return []
    encodings = [each for found in data if found.head == pool.name for each in found.encodings]
    return scope_scores(pool, np.stack([each.mean("embedding") for each in encodings]), sets)


def _confidence(pool: Pool) -> np.ndarray:
    fit = fit_threshold(
        pool.features, pool.correct, pool.given, alpha=0.05, delta=_DELTA, seed=_SEED
    )
    return fit.confidence(pool.features)


def _goals(promises: Sequence[Promise], routing: Sequence[Router]) -> dict[str, bool]:
    goals = {
        f"{each.head}: error at most {each.alpha:g} in {_KEPT:.0%} of the calibrations": (
            each.kept >= _KEPT * each.draws
        )
        for each in promises
        if each.alpha == 0.05  # noqa: PLR2004 - what is promised by default
    }
    ours = [each for each in routing if each.auroc is not None and "TF-IDF" not in each.name]
    best = max(ours, key=lambda each: (each.auroc and each.auroc.value) or 0.0)
    goals[f"hard questions: AUROC above {_FLOOR}"] = bool(
        best.auroc and (best.auroc.value or 0) > _FLOOR
    )
    goals[f"hard questions: 95 % of the quality with less than {_PUBLISHED:.0%} of the calls"] = (
        best.quality95 < _PUBLISHED
    )
    return goals


def _tables(
    promises: Sequence[Promise],
    scope: Sequence[ScopeScore],
    routing: Sequence[Router],
    goals: dict[str, bool],
) -> str:
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
    routed = markdown(
        ["router", "AUROC", "APGR", "CPT(50 %)", "CPT(80 %)", "CPT(95 %)", "95 % quality"],
        [
            [
                each.name, "" if each.auroc is None else f"{each.auroc.value:.3f}",
                f"{each.apgr:.3f}", *(f"{value:.3f}" for value in each.cpt.values()),
                f"{each.quality95:.3f}",
            ]
            for each in routing
        ],
    )  # fmt: skip
    met = markdown(
        ["goal", ""],
        [[goal, "met" if is_met else "MISSED"] for goal, is_met in goals.items()],
        text_columns=2,
    )
    return f"{kept}\n\n{found}\n\n{routed}\n\n{met}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decision",
        description="Measure guarantee, coverage, out-of-scope scores and hard questions.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="directory of the data sets")
    add("--split", default="dev", help="which files of each data set")
    add("--bundle", default="assistant", help="name in the store, or a directory")
    add("--draws", type=int, default=1000, help="calibrations drawn from the pool")
    add("--out", type=Path, help="write results.json, table.md and plots here")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
