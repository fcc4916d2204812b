"""``python -m benchmarks.redaction --data DIR``: what leaves of personal data, on a dev split.

Tables and, as the last line of stdout, a JSON document with every figure and what it depends on;
progress on stderr.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence

from benchmarks.harness.options import add_split, data_parser
from benchmarks.harness.plot import Bar, Panel, draw
from benchmarks.harness.rates import Rate
from benchmarks.harness.report import begin, markdown, publish
from benchmarks.redaction.leaks import Leak, Needless, leaks, needless, taken_outside
from benchmarks.redaction.texts import PERSONAL, read_personal, read_plain
from benchmarks.redaction.ways import WAYS, Redacting, pattern_ms_per_kb
from edge_runtime.bundles.store import Store
from edge_runtime.tasks.encoder import Encoder

_PACKAGES = ("edge-runtime", "numpy", "onnxruntime")
_SHIPPED = "both"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    document = begin("redaction", _PACKAGES)
    bundle = Store(None).open(options.bundle)
    personal = read_personal(options.data, options.split)
    plain = read_plain(options.data, options.split)
    redacting = Redacting(Encoder(bundle))
    redacting.read([each.text for each in personal], PERSONAL)
    for name, texts in plain.items():
        redacting.read(texts, name)
    leaking = leaks(redacting, personal)
    outside = taken_outside(redacting, personal)
    lost = needless(redacting, plain)
    speed = {
        PERSONAL: pattern_ms_per_kb([each.text for each in personal]),
        **{name: pattern_ms_per_kb(texts) for name, texts in plain.items()},
    }
    if options.out is not None:
        draw(_leak_panels(leaking), options.out / "leaks.png", columns=3)
        draw(_needless_panels(lost), options.out / "needless.png", columns=3)
    document |= {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "bundle": bundle.model_name,
        "heads": redacting.heads,
        "split": options.split,
        "leaks": [
            {
                "way": each.way,
                "label": each.label,
                "spans": _json(each.spans),
                "characters": _json(each.characters),
            }
            for each in leaking
        ],
        "taken_outside_of_spans": {way: _json(rate) for way, rate in outside.items()},
        "needless": [
            {"way": each.way, "data": each.data, "texts": _json(each.texts)} for each in lost
        ],
        "pattern_ms_per_kb": speed,
    }  # fmt: skip
    publish(_tables(leaking, outside, lost, speed), document, options.out)
    return 0


def _json(rate: Rate) -> dict[str, float]:
    low, high = rate.interval
    return {"hits": rate.hits, "n": rate.n, "share": rate.share, "low": low, "high": high}


def _tables(
    leaking: Sequence[Leak],
    outside: dict[str, Rate],
    lost: Sequence[Needless],
    speed: dict[str, float],
) -> str:
    labels = sorted({each.label for each in leaking})
    by_type = {(each.label, each.way): each for each in leaking}
    rows = []
    for label in labels:
        found = [by_type[label, way] for way in WAYS]
        rows.append([label, f"{found[0].spans.n}", *(_cell(each.spans) for each in found),
                     *(f"{each.characters.share:.1%}" for each in found)])  # fmt: skip
    header = ["type", "spans", *(f"{way}: leak" for way in WAYS),
              *(f"{way}: characters" for way in WAYS)]  # fmt: skip
    sets = list(dict.fromkeys(each.data for each in lost))
    by_set = {(each.data, each.way): each.texts for each in lost}
    changed = [[name, *(_cell(by_set[name, way]) for way in WAYS)] for name in sets]
    changed.append(["letters outside of spans", *(_cell(outside[way]) for way in WAYS)])
    times = [[name, f"{value:.2f}"] for name, value in speed.items()]
    return "\n\n".join(
        (
            markdown(header, rows),
            markdown(["commands that lose something", *WAYS], changed),
            markdown(["patterns and redaction", "ms per KB"], times),
        )
    )


def _cell(rate: Rate) -> str:
    low, high = rate.interval
    return f"{rate.share:.1%} ({low:.1%} to {high:.1%})"


def _leak_panels(leaking: Sequence[Leak]) -> list[Panel]:
    labels = sorted({each.label for each in leaking})
    return [
        Panel(
            f"{label}: spans that leak",
            "%",
            [_bar(each.way, each.spans) for each in leaking if each.label == label],
        )
        for label in labels
    ]


def _needless_panels(lost: Sequence[Needless]) -> list[Panel]:
    return [
        Panel(
            f"{name}: texts changed",
            "%",
            [_bar(each.way, each.texts) for each in lost if each.data == name],
        )
        for name in dict.fromkeys(each.data for each in lost)
    ]


def _bar(way: str, rate: Rate) -> Bar:
    low, high = (min(max(end, 0.0), 1.0) for end in rate.interval)
    share = rate.share
    ends = (min(low, share), max(high, share))
    return Bar(way, 100 * share, 100 * ends[0], 100 * ends[1], way == _SHIPPED)


def _parser() -> argparse.ArgumentParser:
    parser = data_parser(
        "redaction",
        "Count what would leave a device of annotated personal data, and which texts without any "
        "lose something, by patterns, by the heads of a bundle, and by both.",
        bundle="it has a head pii or entities",
        writes="results.json, table.md and plots",
    )
    add_split(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
