"""Run on the board by itself: what bundles compute, as raw numbers, to an .npz file.

Arguments: a JSON file with ``bundles`` (name -> directory), ``texts`` and ``out``. Prints what it
found out about the board as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_devices.probe import choose_profile, probe_board
from edge_runtime.bundles.store import Store
from edge_runtime.inference.resources import Resources
from edge_runtime.inference.session import runtime_version
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.generation import TextGenerator

_ONE_THREAD = Resources(threads=1)
_CONTINUED = 8  # tokens, each a forward of its own

Arrays = dict[str, npt.NDArray[np.float32]]


def main(job: Path) -> None:
    """Compute everything that the job names."""
    wanted = json.loads(job.read_text())
    arrays: Arrays = {}
    for name, directory in wanted["bundles"].items():
        for key, value in outputs(directory, wanted["texts"]).items():
            arrays[f"{name}|{key}"] = value
    np.savez(wanted["out"], **arrays)  # type: ignore[arg-type]
    board = probe_board()
    facts = {
        "machine": board.machine,
        "profile": choose_profile(board),
        "onnxruntime": runtime_version(),
        "numpy": np.__version__,
    }
    print(json.dumps(facts))


def outputs(directory: str, texts: list[str]) -> Arrays:
    """Return the outputs of every head or the logits of every position, text by text."""
    bundle = Store(None).open(directory)
    if bundle.manifest.task == "text-generation":
        return _written(TextGenerator(bundle, _ONE_THREAD), texts)
    encodings = Encoder(bundle, _ONE_THREAD).encode(texts)
    return {
        f"{number}|{head}": np.concatenate([np.atleast_2d(each) for each in values])
        for number, encoding in enumerate(encodings)
        for head, values in encoding.outputs.items()
    }


def _written(generator: TextGenerator, texts: list[str]) -> Arrays:
    """Return the logits ``[tokens, vocabulary]`` of each text, and the tokens that continue it."""
    found: Arrays = {}
    for number, text in enumerate(texts):
        ids = generator.tokenizer.ids(text)
        found[f"{number}|logits"] = np.array(generator.logits(ids))
        generator.forget()
        tokens = list(generator.continuation(ids, most=_CONTINUED))
        found[f"{number}|tokens"] = np.array(tokens, dtype=np.float32)
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
