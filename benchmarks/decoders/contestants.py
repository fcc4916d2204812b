"""Who takes part, and where each finds its model."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.process import Entry

_RUNTIMES = "benchmarks.decoders.runtimes"
_HERE = Path(sys.executable)


@dataclass(frozen=True)
class Form:
    """One form of the weights in one runtime; ``file`` lies below the directory of the shape.

    ``accuracy`` names the same form in the benchmark of outliers, if it has one.
    """

    runtime: str
    form: str
    module: str
    file: str
    python: str | None = None
    accuracy: str | None = None

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.runtime} {self.form}"

    @property
    def is_ours(self) -> bool:
        """Whether it is edge-runtime's."""
        return self.runtime == OURS


OURS = "edge-runtime"
DEFAULT, STATIC, FOUR_BITS = (
    f"{OURS} {form}" for form in ("int8-hybrid", "int8-static", "int4-weight-only")
)
LLAMA_Q8, LLAMA_Q4, GENAI_INT8 = "llama.cpp Q8_0", "llama.cpp Q4_0", "onnxruntime-genai int8"


def _ours(form: str) -> Form:
    return Form(OURS, form, "ours", f"ours-{form}", accuracy=form)


FORMS: tuple[Form, ...] = (
    _ours("int8-hybrid"),
    Form("llama.cpp", "Q8_0", "llama_cpp", "gguf/Q8_0.gguf", "llama", "Q8_0"),
    _ours("int8-static"),
    Form("onnxruntime-genai", "int8", "genai", "genai-int8", "genai"),
    _ours("int4-weight-only"),
    Form("llama.cpp", "Q4_0", "llama_cpp", "gguf/Q4_0.gguf", "llama", "Q4_0"),
    Form("onnxruntime-genai", "int4", "genai", "genai-int4", "genai"),
    Form("CTranslate2", "int8", "ctranslate", "ct2-int8", "ct2"),
    Form("optimum", "fp32", "optimum", "optimum/fp32"),
    Form("optimum", "dynamic int8", "optimum", "optimum/int8"),
    Form("transformers", "fp32", "transformers_torch", "source"),
)  # fmt: skip


def entries(
    forms: Sequence[Form],
    source: Path,
    pythons: Mapping[str, Path | None],
    *,
    threads: int,
    context: int,
) -> list[Entry]:
    """Return the entries of a shape, whose ``source`` lies among its other files."""
    return [
        Entry(
            name=form.name,
            module=f"{_RUNTIMES}.{form.module}",
            settings={
                "source": str(source),
                "model": str(source.parent / form.file),
                "form": form.form.removeprefix("dynamic "),
                "threads": threads,
                "context": context,
            },
            python=_HERE if form.python is None else pythons.get(form.python),
            option=f"--{form.python}-python",
        )
        for form in forms
    ]
