"""``python -m benchmarks.summaries --data DIR``: ROUGE of extractive summaries on dev splits.

The table and, as the last line of stdout, a JSON document with every figure and what it depends
on; progress on stderr.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from tqdm import tqdm

from benchmarks.harness.options import data_parser
from benchmarks.harness.report import begin, publish
from benchmarks.summaries.contestants import Choosing
from benchmarks.summaries.results import Mean, means, to_json, to_markdown
from benchmarks.summaries.rouge import Rouge, Score
from benchmarks.summaries.texts import SETS, read_documents
from edge_runtime.bundles.store import Store
from edge_runtime.tasks.encoder import Encoder

_SEED = 13
_PACKAGES = ("edge-runtime", "numpy", "onnxruntime", "rouge-score")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    bundle = Store(None).open(options.bundle)
    head, _ = bundle.manifest.head("embedding", None)
    document = begin("summaries", _PACKAGES)
    choosing = Choosing(Encoder(bundle), head, Rouge(), _SEED)
    results: dict[str, Mapping[str, Mapping[str, Mean]]] = {}
    for name in options.sets:
        count = options.sentences or SETS[name]
        scores: list[Mapping[str, Score]] = []
        documents = list(read_documents(options.data / name / options.file))
        for each in tqdm(documents, desc=name, unit="text", file=sys.stderr):
            found = choosing.scores(each.text, each.references, count)
            if found is not None:
                scores.append(found)
        plural = "" if count == 1 else "s"
        results[f"{name}, {count} sentence{plural}, n={len(scores)}"] = means(scores, _SEED)
    document |= {"bundle": bundle.model_name, "file": options.file, "results": to_json(results)}
    publish(to_markdown(results), document, options.out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = data_parser(
        "summaries",
        "Score extractive summaries against the first sentences, random ones, and the best one. A "
        "text with no more sentences than a summary takes is left out.",
        bundle="it has a head of type embedding",
        writes="results.json and table.md",
    )
    add = parser.add_argument
    add("--sets", nargs="+", choices=SETS, default=list(SETS), metavar="SET", help="which ones")
    add("--file", default="dev.jsonl", help="the split to score")
    add("--sentences", type=int, help="of a summary; else as many as the references have")
    return parser


if __name__ == "__main__":
    sys.exit(main())
