"""``python -m benchmarks.sharing --data DIR``: what one encoder for all heads costs and saves.

Trains a recipe three times for each length: with all heads, with those of whole texts, with those
that tag. A table and, as the last line of stdout, a JSON document with every figure and what it
depends on; progress on stderr.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import torch

from benchmarks.assistant.sets import Sets
from benchmarks.harness.report import begin, of_runs, publish
from benchmarks.sharing.comparison import compare, compare_embeddings, mean_gain
from benchmarks.sharing.cost import costs, time_passes
from benchmarks.sharing.measures import measures
from benchmarks.sharing.results import Length, Trained, to_json, to_markdown
from benchmarks.sharing.training import make_bundle
from benchmarks.sharing.variants import (
    ALL,
    SENTENCE,
    TAGGING,
    VARIANTS,
    divided,
    folder_name,
    shortened,
)
from edge_export.train.load import load_recipe
from edge_export.train.parts import Parts, divide
from edge_export.train.recipe import Recipe
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.tasks.encoder import Encoder

_SPLIT = "dev"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, measure, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    document = begin("sharing")
    recipe = load_recipe(options.recipe)
    start = None if options.start is None else Store(None).open(options.start)
    parts = divide(shortened(recipe, 1.0), options.data)
    with _work(options.work) as work:
        lengths = []
        for epochs in sorted(options.epochs):
            short = shortened(recipe, epochs, options.rates)
            bundles = {
                name: _bundle(name, short, parts, options.data, work, start) for name in VARIANTS
            }
            found = _length(short, parts, options.data, bundles)
            lengths.append(msgspec.structs.replace(found, start=start and start.model_name))
        one, two = bundles[ALL], [bundles[SENTENCE], bundles[TAGGING]]
        runs = time_passes(one, two, options.rounds)
        prices = costs(runs, one, two)
    document |= {
        "settings": {
            "recipe": options.recipe,
            "epochs": options.epochs,
            "start": start and start.model_name,
            "rates": options.rates,
            "rounds": options.rounds,
            "split": _SPLIT,
        },
        **to_json(lengths, prices),
        **of_runs(runs, []),
    }
    publish(to_markdown(lengths, prices), document, options.out)
    return 0


def _bundle(
    variant: str, recipe: Recipe, parts: Parts, data: Path, work: Path, start: Bundle | None
) -> Bundle:
    print(f"{recipe.training.epochs:g} epochs: {variant}", file=sys.stderr, flush=True)
    own_recipe, own_parts = divided(recipe, parts, variant)
    name = folder_name(own_recipe, variant, start.digest if start else "")
    return make_bundle(own_recipe, own_parts, data, work / name, start)


def _length(recipe: Recipe, parts: Parts, data: Path, bundles: dict[str, Bundle]) -> Length:
    """Compare the bundles of one length of training."""
    sets = {name: Sets(Encoder(bundle), data, _SPLIT) for name, bundle in bundles.items()}
    shared = list(measures(sets[ALL], recipe, parts))
    comparisons, means = [], {}
    for kind in (SENTENCE, TAGGING):
        own_recipe, own_parts = divided(recipe, parts, kind)
        found = list(compare(kind, shared, measures(sets[kind], own_recipe, own_parts)))
        means[kind] = mean_gain(found)
        comparisons += [each.comparison for each in found]
        comparisons += compare_embeddings(kind, sets[ALL], sets[kind], own_recipe, own_parts)
    trained = [Trained(name, **bundle.manifest.report) for name, bundle in bundles.items()]
    return Length(recipe.training.epochs or 0.0, None, trained, comparisons, means)


@contextmanager
def _work(named: Path | None) -> Iterator[Path]:
    if named is not None:
        yield named.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="edge-sharing-") as name:
        yield Path(name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sharing",
        description="Train a recipe with one encoder for all heads and with two, on one thread, "
        "and compare accuracy, time, bytes and memory in int8.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the recipe's files")
    add("--recipe", default="assistant", help="a .toml file, or a recipe that ships")
    add("--epochs", nargs="+", type=float, default=[0.1, 0.4], help="lengths of the trainings")
    add("--start", help="bundle of the recipe to begin with, else the base model")
    add("--rates", type=float, default=1.0, help="times the recipe's learning rates")
    add("--rounds", type=int, default=15, help="turns of each pass after its warm-up")
    add("--work", type=Path, help="keep bundles and checkpoints here and go on from them")
    add("--out", type=Path, help="write results.json and table.md here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
