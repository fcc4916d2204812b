"""Measures one form after another against the fp32 logits of its model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.outliers import llama_cpp, models, ours
from benchmarks.outliers.metrics import compare
from benchmarks.outliers.results import OURS, PEER, Result

Logits = npt.NDArray[np.float32]

_MOST_F32_ERROR = 1e-3  # above it the GGUF holds another model than the source


@dataclass(frozen=True)
class Settings:
    """What is measured, and on how much; ``llama_python`` is None without a peer."""

    layers: int = 30
    seed: int = 0
    sequences: int = 10
    calibration_sequences: int = 32
    length: int = 64
    forms: Sequence[str] = ours.FORMS
    llama_python: Path | None = None
    threads: int = 2

    @property
    def seeds(self) -> dict[str, int]:
        """Apart for the weights, the ids that are measured, and those that calibrate."""
        return {
            "model": self.seed,
            "evaluation": self.seed + 1000,
            "calibration": self.seed + 2000,
        }


class Bench:
    """Fills ``results``; ``work`` gets the models, bundles and GGUFs of each variant."""

    def __init__(self, settings: Settings, work: Path) -> None:
        self.results: list[Result] = []
        self.peer_versions: dict[str, str] = {}
        self._settings = settings
        self._work = work
        self._config = models.make_config(settings.layers)

    def measure(self, variant: models.Variant) -> None:
        """Make a variant and measure every form of it; what fails is a result without accuracy."""
        settings = self._settings
        source = self._work / variant / "source"
        _say(f"{variant}: making {settings.layers} layers")
        model = models.make_model(variant, self._config, settings.seeds["model"])
        models.save_model(model, source)
        ids = self._ids(settings.sequences, "evaluation")
        reference = models.reference_logits(model, ids)
        del model
        for form in settings.forms:
            self._add(
                Result(variant, OURS, form), partial(self._ours, source, form, ids), reference
            )
        problem = None
        for form in llama_cpp.FORMS:
            result = Result(variant, PEER, form, missing=problem)
            result = self._add(result, partial(self._peer, source, form, ids), reference)
            if form == "F32":
                problem = _problem(result)

    def _add(
        self, result: Result, produce: Callable[[], tuple[Logits, int]], reference: Logits
    ) -> Result:
        if result.missing is None:
            _say(f"{result.variant}: {result.runtime} {result.form}")
            try:
                logits, size_bytes = produce()
                accuracy = compare(logits, reference)
            except (OSError, ValueError) as exc:
                result = replace(result, missing=str(exc))
            else:
                result = replace(result, size_bytes=size_bytes, accuracy=accuracy)
        self.results.append(result)
        return result

    def _ours(self, source: Path, form: str, ids: models.Ids) -> tuple[Logits, int]:
        bundle = source.with_name(form)
        calibration = self._ids(self._settings.calibration_sequences, "calibration")
        ours.convert(source, form, calibration, bundle)
        size_bytes = sum(path.stat().st_size for path in bundle.glob("model.onnx*"))
        return ours.logits(bundle, ids, threads=self._settings.threads), size_bytes

    def _peer(self, source: Path, form: str, ids: models.Ids) -> tuple[Logits, int]:
        settings = self._settings
        if settings.llama_python is None:
            raise FileNotFoundError("no --llama-python")
        run = llama_cpp.run(
            settings.llama_python, source, form, ids, source.with_name("gguf"),
            threads=settings.threads,
        )  # fmt: skip
        self.peer_versions = run.versions
        return run.logits, run.size_bytes

    def _ids(self, sequences: int, seed: str) -> models.Ids:
        settings = self._settings
        return models.make_ids(
            sequences, settings.length, self._config.vocab_size, settings.seeds[seed]
        )


def _problem(unquantized: Result) -> str | None:
    """Return why the peer's quantized forms cannot be compared, None if they can."""
    if unquantized.accuracy is None:
        return unquantized.missing
    error = unquantized.accuracy.relative_error
    if error < _MOST_F32_ERROR:
        return None
    return f"its F32 logits differ from transformers' by {error:.2g}: not the same model"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
