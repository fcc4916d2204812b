"""Who takes part, the cases, and what is wanted."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.harness.alternation import Case
from benchmarks.harness.figures import Goal
from benchmarks.harness.groups import clock, group
from benchmarks.harness.process import Entry

_RUNTIMES = "benchmarks.encoders.runtimes"
_HERE = Path(sys.executable)
_IDS_SEED = 1000
_FIRST_WORD = 1000  # of the vocabulary; before it are special tokens, letters and signs

MODEL = "MiniLM-L6"
OURS, CTRANSLATE = "edge-runtime int8-dynamic", "CTranslate2 int8"
OPTIMUM, REFERENCE = "optimum fp32", "transformers fp32"
BATCH = "32 texts of 16 tokens"
LENGTHS = (16, 32, 128, 256)


@dataclass(frozen=True)
class Form:
    """One form of the weights in one runtime; ``file`` lies beside the source."""

    name: str
    form: str
    module: str
    file: str
    python: str | None = None


FORMS = (
    Form(OURS, "int8-dynamic", "ours", "ours-int8-dynamic"),
    Form("edge-runtime int8-static", "int8-static", "ours", "ours-int8-static"),
    Form(CTRANSLATE, "int8", "ctranslate", "ct2-int8", "ct2"),
    Form(OPTIMUM, "fp32", "optimum", "optimum/model.onnx"),
    Form("optimum dynamic int8", "int8", "optimum", "optimum/model_int8.onnx"),
    Form("llama.cpp Q8_0", "Q8_0", "llama_cpp", "gguf/Q8_0.gguf", "llama"),
    Form(REFERENCE, "fp32", "transformers_torch", "source"),
)


def entries(
    forms: Sequence[Form],
    source: Path,
    work: Path,
    pythons: Mapping[str, Path | None],
    threads: int,
) -> list[Entry]:
    """Return the entries; ``work`` keeps the files of each."""
    return [
        Entry(
            name=form.name,
            module=f"{_RUNTIMES}.{form.module}",
            settings={
                "source": str(source),
                "model": str(work / form.file),
                "form": form.form,
                "threads": threads,
            },
            python=_HERE if form.python is None else pythons.get(form.python),
            option=f"--{form.python}-python",
        )
        for form in forms
    ]


def cases(vocabulary_size: int) -> dict[str, Case]:
    """Return random texts of each length, repeated so that a run takes some 50 ms."""
    generator = np.random.default_rng(_IDS_SEED)

    def case(texts: int, tokens: int) -> Case:
        ids = generator.integers(_FIRST_WORD, vocabulary_size, (texts, tokens)).tolist()
        return {"ids": ids, "repeats": max(1, 512 // (texts * tokens))}

    return {
        **{f"{length} tokens": case(1, length) for length in LENGTHS},
        BATCH: case(32, 16),
    }


def goals(threads: int) -> list[Goal]:
    """Return what is wanted with one thread; with more, nothing was promised."""
    where = group(MODEL, threads)
    limits = [
        (CTRANSLATE, "16 tokens", 1.5),
        (CTRANSLATE, "128 tokens", 1.3),
        (CTRANSLATE, "256 tokens", 1.3),
        (CTRANSLATE, BATCH, 1.3),
        *((OPTIMUM, f"{length} tokens", 2.7) for length in LENGTHS),
    ]
    return [
        Goal(OURS, peer, where, name, "encode", clock(where), limit)
        for peer, name, limit in limits
        if threads == 1
    ]
