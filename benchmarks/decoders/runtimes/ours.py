"""edge-runtime, with bundles by edge-export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.timing import Stopwatch, Timing
from edge_runtime.bundles.store import Store
from edge_runtime.inference.resources import Resources
from edge_runtime.tasks.generation import TextGenerator

PACKAGES = ("edge-runtime", "onnxruntime", "tokenizers", "numpy")

_CALIBRATION = (32, 64)  # sequences, tokens
_CALIBRATION_SEED = 2000


def prepare(settings: Mapping[str, Any]) -> None:
    """Have edge-export convert the source.

    Random models calibrate on random ids; with ``calibration`` ``text`` on edge-export's own texts.
    """
    # torch and transformers take part in an export only
    from benchmarks.outliers import ours  # noqa: PLC0415
    from benchmarks.outliers.models import make_ids, vocabulary_size  # noqa: PLC0415

    source, bundle = Path(settings["source"]), Path(settings["model"])
    if (bundle / "bundle.json").exists():
        return
    ids = None
    if settings.get("calibration") != "text":
        ids = make_ids(*_CALIBRATION, vocabulary_size(source), _CALIBRATION_SEED)
    ours.convert(source, settings["form"], ids, bundle)


def load(settings: Mapping[str, Any]) -> Decoder:
    """Open a bundle; with ``lookup`` in the settings the text so far proposes what comes next."""
    return Decoder(settings["model"], settings["threads"], lookup=settings.get("lookup"))


class Decoder:
    """A generator as the command line makes it.

    Without ``lookup`` plain decoding is timed; what was made is then that of lookup without reading
    ahead, if it is False, for which two equally likely tokens are not left to rounding.
    """

    def __init__(self, directory: str, threads: int, *, lookup: bool | None) -> None:
        bundle = Store(None).open(directory)
        self._generator = TextGenerator(bundle, resources=Resources(threads=threads))
        self._lookup = lookup

    def measure(self, case: Mapping[str, Any]) -> Mapping[str, Timing | object]:
        """Run a case with an empty cache; the first token ends prefill, an end token all."""
        ids: Sequence[int] = case["ids"]
        tokens: int = case["tokens"]
        stopwatch = Stopwatch()
        steps = self._generator.continuation(ids, most=tokens + 1, lookup=self._lookup or None)
        made = [next(steps)]
        answer: dict[str, Timing | object] = {"prefill": stopwatch.lap(len(ids))}
        made += steps
        if len(made) > 1:
            answer["decode"] = stopwatch.lap(len(made) - 1)
        if self._lookup is False:
            made = list(self._generator.continuation(ids, most=tokens + 1, lookup=False))
        return {**answer, "made": made}

    def close(self) -> None:
        """Free the model."""
        del self._generator
