"""onnxruntime-genai, with a model by its own builder."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime_genai  # type: ignore[import-not-found]

from benchmarks.harness.timing import Stopwatch, Timing

PACKAGES = ("onnxruntime-genai", "onnxruntime", "numpy", "transformers")


def prepare(settings: Mapping[str, Any]) -> None:
    """Have the builder write a model directory."""
    model = Path(settings["model"])
    if (model / "genai_config.json").exists():
        return
    command = [
        sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", settings["source"],
        "-o", str(model), "-p", settings["form"], "-e", "cpu", "-c", str(model.parent / "cache"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise OSError(lines[-1] if lines else f"the builder ended with {done.returncode}")


def load(settings: Mapping[str, Any]) -> Decoder:
    """Open a model directory."""
    return Decoder(settings["model"], settings["threads"])


class Decoder:
    """A model with the session options of its builder, but for the threads."""

    def __init__(self, directory: str, threads: int) -> None:
        config = onnxruntime_genai.Config(directory)
        options = {"session_options": {"intra_op_num_threads": threads}}
        config.overlay(json.dumps({"model": {"decoder": options}}))
        self._model = onnxruntime_genai.Model(config)

    def measure(self, case: Mapping[str, Any]) -> Mapping[str, Timing | object]:
        """Run a case with a generator of its own; the first token ends prefill."""
        ids, tokens = np.array(case["ids"], dtype=np.int32), case["tokens"]
        length = len(ids) + tokens + 1
        params = onnxruntime_genai.GeneratorParams(self._model)
        params.set_search_options(do_sample=False, min_length=length, max_length=length)
        generator = onnxruntime_genai.Generator(self._model, params)
        stopwatch = Stopwatch()
        generator.append_tokens(ids)
        generator.generate_next_token()
        answer: dict[str, Timing | object] = {"prefill": stopwatch.lap(len(ids))}
        for _ in range(tokens):
            generator.generate_next_token()
        if tokens:
            answer["decode"] = stopwatch.lap(tokens)
        made = generator.get_sequence(0)[len(ids) :]
        return {**answer, "made": [int(token) for token in made]}

    def close(self) -> None:
        """Free the model."""
        del self._model
