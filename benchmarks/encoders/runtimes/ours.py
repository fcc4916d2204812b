"""edge-runtime, with bundles by edge-export."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.encoders.runtimes.repeated import Floats, timed
from benchmarks.harness.timing import Timing
from edge_runtime.bundles.store import Store
from edge_runtime.inference.resources import Resources
from edge_runtime.inference.tokenizer import Window
from edge_runtime.tasks.encoder import Encoder as Encoding

PACKAGES = ("edge-runtime", "onnxruntime", "tokenizers", "numpy")

_TARGET = "pi5"


def prepare(settings: Mapping[str, Any]) -> None:
    """Have edge-export convert the source.

    Raises:
        OSError: it fails; the message is the last line of its output.
    """
    bundle = Path(settings["model"])
    if (bundle / "bundle.json").exists():
        return
    command = [
        sys.executable, "-m", "edge_export.cli.app", "convert", settings["source"],
        "--task", "feature-extraction", "--target", _TARGET, "--allow-drop", "-o", str(bundle),
        "--quantization", settings["form"], "--force",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise OSError(lines[-1] if lines else f"edge-export ended with {done.returncode}")


def load(settings: Mapping[str, Any]) -> Encoder:
    """Open a bundle."""
    return Encoder(settings["model"], settings["threads"])


class Encoder:
    """An encoder as the command line makes it."""

    def __init__(self, directory: str, threads: int) -> None:
        bundle = Store(None).open(directory)
        self._encoder = Encoding(bundle, resources=Resources(threads=threads))
        (self._head,) = bundle.manifest.heads

    def measure(self, case: Mapping[str, Any]) -> Mapping[str, Timing | object]:
        """Run a case."""
        return timed(self._encode, case)

    def close(self) -> None:
        """Free the model."""
        del self._encoder

    def _encode(self, ids: Sequence[Sequence[int]]) -> Floats:
        windows = [
            Window(index, np.array(row, np.int64), np.zeros(len(row), np.int64), [], [])
            for index, row in enumerate(ids)
        ]
        return np.stack([outputs[self._head] for outputs in self._encoder.run(windows)])
