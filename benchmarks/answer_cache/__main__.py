"""``python -m benchmarks.answer_cache --data DIR``: hits and false hits of the answer cache.

Tables and, as the last line of stdout, a JSON document with every figure and what it depends on.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Mapping, Sequence

from benchmarks.answer_cache.guards import GUARDS, SHIPPED, Asked, ask, is_same_text
from benchmarks.answer_cache.pairs import SAME, Pair, read_pairs
from benchmarks.answer_cache.plots import draw_rates
from benchmarks.answer_cache.rates import THRESHOLDS, PairRate, rates
from benchmarks.harness.options import add_split, data_parser
from benchmarks.harness.report import begin, markdown, publish
from edge_runtime.assistant.caching.moment import is_volatile, names_a_moment
from edge_runtime.bundles.store import Store
from edge_runtime.routing.keeping import SIMILARITY, VOLATILE
from edge_runtime.tasks.encoder import Encoder

_PACKAGES = ("edge-runtime", "numpy", "onnxruntime")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    document = begin("answer_cache", _PACKAGES)
    bundle = Store(None).open(options.bundle)
    pairs = read_pairs(options.data, options.split)
    texts = (text for of_kind in pairs.values() for pair in of_kind for text in pair)
    asked = ask(Encoder(bundle), texts)
    found = rates(pairs, asked)
    if options.out is not None:
        draw_rates(found, options.out / "rates.png")
    not_kept = _not_kept(asked)
    wrong = _false_hits(pairs, asked)
    document |= {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "bundle": bundle.model_name,
        "split": options.split,
        "threshold": SIMILARITY,
        "texts": len(asked),
        "texts_not_kept": not_kept,
        "pairs": {kind: len(of_kind) for kind, of_kind in pairs.items()},
        "rates": [
            {
                "pairs": each.kind, "guard": each.guard, "threshold": each.threshold,
                "hits": each.hits, "n": each.n, "share": each.share,
                "low": each.interval[0], "high": each.interval[1],
            }
            for each in found
        ],
        "false_hits": wrong,
    }  # fmt: skip
    publish(_tables(found, not_kept, len(asked), wrong), document, options.out)
    return 0


def _not_kept(asked: Mapping[str, Asked]) -> int:
    """Return how many texts depend on the moment, so that the cache leaves them alone."""
    return sum(
        names_a_moment(each.text) is not None or is_volatile([each.intent], VOLATILE)
        for each in asked.values()
    )


def _false_hits(
    pairs: Mapping[str, Sequence[Pair]], asked: Mapping[str, Asked]
) -> list[dict[str, object]]:
    """Return what the shipped guard and threshold take for one question, and is not labelled so."""
    allows = GUARDS[SHIPPED]
    return [
        {"pairs": kind, "texts": [one, other], "cosine": round(float(cosine), 3)}
        for kind, of_kind in pairs.items()
        if kind not in SAME
        for one, other in of_kind
        if allows(asked[one], asked[other]) and not is_same_text(asked[one], asked[other])
        if (cosine := asked[one].vector @ asked[other].vector) >= SIMILARITY
    ]


def _tables(
    found: Sequence[PairRate], not_kept: int, texts: int, wrong: Sequence[Mapping[str, object]]
) -> str:
    kinds = list(dict.fromkeys(each.kind for each in found))
    by_place = {(each.kind, each.guard, each.threshold): each for each in found}
    rows = [
        [guard, f"{threshold:.2f}", *(_cell(by_place[kind, guard, threshold]) for kind in kinds)]
        for guard in GUARDS
        for threshold in THRESHOLDS
    ]
    titles = [f"{'hit' if kind in SAME else 'FALSE hit'}: {kind}" for kind in kinds]
    lines = [f"- {each['pairs']}: {each['texts']}, cosine {each['cosine']}" for each in wrong]
    return "\n\n".join(
        (
            markdown(["guard", "cosine", *titles], rows),
            f"{not_kept} of {texts} texts depend on the moment: their answers are not kept at all.",
            f"Taken for one question at {SIMILARITY}, against their labels:\n" + "\n".join(lines),
        )
    )


def _cell(rate: PairRate) -> str:
    low, high = rate.interval
    return f"{rate.share:.2%} ({low:.2%} to {high:.2%})"


def _parser() -> argparse.ArgumentParser:
    parser = data_parser(
        "answer_cache",
        "Count pairs of questions that the answer cache takes for one, by what has to be the same "
        "before their cosine counts, and by the least cosine.",
        bundle="it has the heads intent and embedding",
        writes="results.json, table.md and plots",
    )
    add_split(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
