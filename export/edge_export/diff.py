"""Two bundles side by side: manifest, size, latency, and what they score on the same texts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from tqdm import tqdm

from edge_export.evaluate import measure
from edge_export.evaluation.measurement import Data, Measurement
from edge_export.evaluation.metrics import Metric, Score, resamples, score
from edge_export.texts import TEXTS
from edge_runtime.bundles.manifest import Manifest
from edge_runtime.bundles.store import Bundle
from edge_runtime.routing.calibration import binomial_tail
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.generation import TextGenerator
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.seq2seq import TextToText

_TIMED = 50
_ROUNDS = 10
_WARM_UP = 3
# writing takes longer than reading
_WRITTEN = 8
_ROUNDS_OF_WRITING = 4
_NEW_TOKENS = 16
# what says nothing about how the bundles behave, or is compared by itself
_LEFT_OUT = ("files", "report", "signature")


class Change(msgspec.Struct, frozen=True):
    """A field of the manifest that differs; None where one of the two has no such field.

    Of lists, such as the labels of a head, only what the other one does not have.
    """

    field: str
    a: Any
    b: Any


class Latency(msgspec.Struct, frozen=True):
    """Medians of one text in ms, and of the ratio b / a over pairs, with its middle half."""

    texts: int
    rounds: int
    a_ms: float
    b_ms: float
    ratio: float
    low: float
    high: float


class Difference(msgspec.Struct, frozen=True):
    """A metric of both, and b - a with the interval of 95 % of a paired bootstrap over texts."""

    a: Score
    b: Score
    difference: float | None
    low: float | None
    high: float | None


class McNemar(msgspec.Struct, frozen=True):
    """Texts that only one of the two gets right, and how likely chance alone parts them so far.

    ``p`` is two-sided and exact (McNemar 1947).
    """

    only_a: int
    only_b: int
    p: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The result, as ``--json`` prints it; ``latency_ms`` is None where their tasks differ."""

    a: str
    b: str
    size_bytes: tuple[int, int]
    changes: list[Change]
    latency_ms: Latency | None
    n: int | None = None
    metrics: dict[str, Difference] = {}
    mcnemar: McNemar | None = None


def diff(
    a: Bundle, b: Bundle, data: Data | None, *, head: str | None = None, seed: int = 13
) -> Comparison:
    """Compare two bundles; with a labelled file also what they score on it.

    Raises:
        ConfigError: the file is missing or broken, or has labels that a bundle does not know.
        UnsupportedTaskError: a bundle has no head that can be scored, or several.
        BundleError: a bundle cannot be run.
    """
    texts: Sequence[str] = TEXTS
    result = Comparison(
        a=a.model_name,
        b=b.model_name,
        size_bytes=(_size_bytes(a), _size_bytes(b)),
        changes=changes(a.manifest, b.manifest),
        latency_ms=None,
    )
    if data is not None:
        (_, left), (_, right) = (measure(bundle, data, head=head) for bundle in (a, b))
        texts = left.texts
        result = msgspec.structs.replace(
            result,
            n=len(texts),
            metrics={
                name: difference(metric, right.metrics[name], len(texts), seed)
                for name, metric in left.metrics.items()
                if name in right.metrics
            },
            mcnemar=_mcnemar(left, right),
        )
    return msgspec.structs.replace(result, latency_ms=latency(a, b, texts[:_TIMED]))


def changes(a: Manifest, b: Manifest) -> list[Change]:
    """Return the fields that differ, in order, with dots between the levels."""
    left, right = (dict(_flat(each)) for each in (a, b))
    found = []
    for key in dict.fromkeys([*left, *right]):
        one, other = left.get(key), right.get(key)
        if key.split(".", 1)[0] in _LEFT_OUT or one == other:
            continue
        if isinstance(one, list) and isinstance(other, list):
            own = [v for v in one if v not in other], [v for v in other if v not in one]
            one, other = own if any(own) else (one, other)  # the same in another order
        found.append(Change(key, one, other))
    return found


def latency(a: Bundle, b: Bundle, texts: Sequence[str]) -> Latency | None:
    """Time both in turn on the same texts, tokenisation included, on one thread.

    A machine that slows down then slows both. A model that makes text writes a few tokens for each.
    None for bundles that do different things.
    """
    if a.manifest.task != b.manifest.task:
        return None
    rounds = _ROUNDS if a.manifest.heads else _ROUNDS_OF_WRITING
    texts = texts if a.manifest.heads else texts[:_WRITTEN]
    runners = [_runner(a), _runner(b)]
    for run in runners:
        for text in texts[:_WARM_UP]:
            run(text)
    times = []
    for turn in tqdm(range(rounds), desc="latency", unit="round"):
        for text in texts:
            pair = [0.0, 0.0]
            for which in (0, 1) if turn % 2 == 0 else (1, 0):
                started = time.perf_counter()
                runners[which](text)
                pair[which] = (time.perf_counter() - started) * 1e3
            times.append(pair)
    measured = np.array(times)
    low, ratio, high = np.quantile(measured[:, 1] / measured[:, 0], [0.25, 0.5, 0.75])
    a_ms, b_ms = np.median(measured, axis=0)
    figures = (round(float(value), 3) for value in (a_ms, b_ms, ratio, low, high))
    return Latency(len(texts), rounds, *figures)


def _runner(bundle: Bundle) -> Callable[[str], object]:
    task = bundle.manifest.task
    options = GenerationOptions(max_tokens=_NEW_TOKENS, beams=1)
    if task == "text-generation":
        generator = TextGenerator(bundle)

        def generate(text: str) -> object:
            generator.forget()  # the round before read the same
            return generator.generate(text, options)

        return generate
    if task in {"summarization", "translation"}:
        pair = TextToText(bundle)
        return lambda text: pair.generate(text, options)
    encoder = Encoder(bundle)
    return lambda text: encoder.encode([text])


def difference(a: Metric, b: Metric, n: int, seed: int) -> Difference:
    """Return a metric of both over the same ``n`` texts, and how it differs."""
    scores = score(a, n, seed), score(b, n, seed)
    if scores[0].value is None or scores[1].value is None:
        return Difference(*scores, None, None, None)
    values = [b.of(weights) - a.of(weights) for weights in resamples(n, seed)]
    whole = b.of(np.ones(n)) - a.of(np.ones(n))
    low, high = np.nanquantile(values, [0.025, 0.975])
    return Difference(*scores, *(round(float(value), 4) for value in (whole, low, high)))


def mcnemar(only_a: int, only_b: int) -> McNemar:
    """Return the exact test of two answers to the same texts: do they err equally often?"""
    tail = binomial_tail(min(only_a, only_b), only_a + only_b, 0.5)
    return McNemar(only_a, only_b, min(1.0, 2 * tail))


def _mcnemar(a: Measurement, b: Measurement) -> McNemar | None:
    left, right = (each.metrics.get("accuracy", Metric(len)).hits for each in (a, b))
    if left is None or right is None:
        return None
    return mcnemar(int((left & ~right).sum()), int((right & ~left).sum()))


def _flat(value: msgspec.Struct | dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every field, also one that a manifest leaves out because it has its default."""
    fields = value if isinstance(value, dict) else msgspec.structs.asdict(value)
    for key, inner in fields.items():
        name = f"{prefix}{key}"
        if isinstance(inner, dict | msgspec.Struct):
            yield from _flat(inner, f"{name}.")
        else:
            yield name, inner


def _size_bytes(bundle: Bundle) -> int:
    return sum(path.stat().st_size for path in bundle.path.rglob("*") if path.is_file())
