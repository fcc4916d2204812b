"""``python -m benchmarks.decision``: exit status 1 if a goal is missed.

Tables, and as the last line of stdout a JSON document with every figure and what it depends on;
progress on stderr.
"""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence

import msgspec
import numpy as np

from benchmarks.assistant.sets import DataSet, Sets
from benchmarks.decision.alarm import Alarm, alarm
from benchmarks.decision.follow_ups import follow_ups, mistaken
from benchmarks.decision.guarantee import promise
from benchmarks.decision.plots import draw_risk, draw_routers, draw_scope
from benchmarks.decision.pools import Pool, pool_of
from benchmarks.decision.reliability import reliabilities
from benchmarks.decision.results import (
    follow_up_tables,
    goal_table,
    goals_met,
    line_table,
    to_markdown,
)
from benchmarks.decision.router import lines, routers
from benchmarks.decision.scope import ScopeScore, scope_scores
from benchmarks.harness.options import add_split, data_parser
from benchmarks.harness.report import begin, publish
from edge_export.fitting import fit_threshold
from edge_runtime.bundles.store import Store
from edge_runtime.tasks.encoder import Encoder

_PACKAGES = ("edge-runtime", "numpy", "onnxruntime", "scikit-learn")
_HEADS = ("intent", "command", "sentiment")
_ALPHAS = (0.01, 0.02, 0.05, 0.10)
_DELTA = 0.05
_SMALL = (300, 1000)  # texts that a calibration of one's own may have
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
    strong = lines(sets)
    following, taken = follow_ups(sets), mistaken(sets)
    reliability = [
        each
        for name, head in bundle.manifest.heads.items()
        if head.type in {"classification", "tagging"} and not head.multi_label
        if (own := [each for each in data if each.head == name])
        for each in reliabilities(name, own, bundle.manifest)
    ]
    alarms = _alarms(pools, options.alarms)
    if options.out is not None:
        draw_risk([(pool, _confidence(pool)) for pool in pools], options.out / "risk_coverage.png")
        draw_routers(routing, options.out / "routers.png")
        if scope:
            draw_scope(scope, options.out / "out_of_scope.png")
    goals = goals_met(promises, routing, reliability, alarms)
    document |= {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "bundle": bundle.model_name,
        "split": options.split,
        "skipped": sets.skipped,
        "promises": msgspec.to_builtins(promises),
        "out_of_scope": msgspec.to_builtins(scope),
        "routers": msgspec.to_builtins(routing),
        "strong_above": msgspec.to_builtins(strong),
        "follow_ups": msgspec.to_builtins(following),
        "commands_taken_for_follow_ups": msgspec.to_builtins(taken),
        "reliability": msgspec.to_builtins(reliability),
        "drift_alarm": msgspec.to_builtins(alarms),
        "goals": goals,
    }
    tables = to_markdown(promises, scope, routing, reliability, alarms)
    more = f"{line_table(strong)}\n\n{follow_up_tables(following, taken)}"
    publish(f"{tables}\n\n{more}\n\n{goal_table(goals)}", document, options.out)
    return 0 if all(goals.values()) else 1


def _scope(pools: Sequence[Pool], data: Sequence[DataSet], sets: Sets) -> list[ScopeScore]:
    pool = next((pool for pool in pools if pool.head.out_of_scope), None)
    if pool is None or "embedding" not in sets.encoder.bundle.manifest.heads:
        return []
    encodings = [each for found in data if found.head == pool.name for each in found.encodings]
    return scope_scores(pool, np.stack([each.mean("embedding") for each in encodings]), sets)


def _alarms(pools: Sequence[Pool], runs: int) -> list[Alarm]:
    pool = next((pool for pool in pools if pool.head.out_of_scope), None)
    if pool is None:
        return []
    return [alarm(pool, n=n, runs=runs, seed=_SEED) for n in (*_SMALL, len(pool))]


def _confidence(pool: Pool) -> np.ndarray:
    fit = fit_threshold(
        pool.features, pool.correct, pool.given, alpha=0.05, delta=_DELTA, seed=_SEED
    )
    return fit.confidence(pool.features)


def _parser() -> argparse.ArgumentParser:
    parser = data_parser(
        "decision",
        "Measure guarantee, coverage, out-of-scope scores and hard questions.",
        bundle="it has the head intent",
        writes="results.json, table.md and plots",
    )
    add_split(parser)
    add = parser.add_argument
    add("--draws", type=int, default=1000, help="calibrations drawn from the pool")
    add("--alarms", type=int, default=300, help="runs of the drift alarm for each size")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
