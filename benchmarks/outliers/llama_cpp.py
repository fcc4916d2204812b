"""llama.cpp, in a child process with a Python of its own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FORMS = ("F32", "Q8_0", "Q4_0", "Q4_0 pure")

_CHILD = "benchmarks.outliers.llama_cpp_child"
_REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Run:
    """Logits ``[sequences, length, vocabulary]`` and what the child says of itself."""

    logits: npt.NDArray[np.float32]
    versions: dict[str, str]
    size_bytes: int


def run(
    python: Path, source: Path, form: str, ids: npt.NDArray[np.int64], work: Path, *, threads: int
) -> Run:
    """Quantize a source directory to one of ``FORMS`` and evaluate token ids with it.

    ``work`` keeps the F32 GGUF for the next form of the same source.

    Raises:
        OSError: the Python, a package in it or enough disk is missing, or llama.cpp fails; the
            message holds the last line of its output.
    """
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work) as name:
        inputs, outputs = Path(name, "ids.npy"), work / "logits.npy"
        np.save(inputs, ids)
        command = [
            str(python), "-m", _CHILD,
            str(source), form, str(inputs), str(outputs), str(threads),
        ]  # fmt: skip
        done = subprocess.run(command, cwd=_REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise OSError(lines[-1] if lines else f"{python} ended with {done.returncode}")
    said = json.loads(done.stdout.splitlines()[-1])
    logits = np.load(outputs)
    outputs.unlink()
    return Run(
        logits=logits,
        versions=said["versions"],
        size_bytes=said["size_bytes"],
    )
