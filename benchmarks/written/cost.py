"""What it costs to read a probe: the same tokens with and without it, in turns."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import onnx

from benchmarks.harness.statistics import Ratio, paired_ratio
from edge_runtime.bundles.store import Bundle
from edge_runtime.inference.decoder import STATES
from edge_runtime.inference.probe import Probe
from edge_runtime.tasks.generation import TextGenerator
from edge_runtime.tasks.generation_options import GenerationOptions

_OPTIONS = GenerationOptions(max_tokens=48, temperature=0.0, prompt_lookup=False)
_OURS = "probe"
_SESSIONS = 8


@dataclass(frozen=True)
class Cost:
    """CPU time with a probe over CPU time without, up to the first piece of text and after it.

    ``same_text`` of ``rounds`` answers were the same.
    """

    over: str
    first: Ratio
    rest: Ratio
    same_text: int
    rounds: int


@dataclass(frozen=True)
class _Run:
    text: str
    first_s: float
    rest_s: float


def costs(bundle: Bundle, prompts: Sequence[Sequence[int]], rounds: int) -> list[Cost]:
    """Answer prompts in turns, each round another one, read anew.

    By the CPU time of this process, with one thread: others may use the machine. All sessions are
    made again a few times, since where their memory lies makes some 3 % of a difference.
    """
    runs: dict[str, list[_Run]] = {}
    with tempfile.TemporaryDirectory(dir=bundle.path.parent) as work:
        plain, probe = _without(bundle, Path(work)), _probe(bundle)
        makers: dict[str, Callable[[], TextGenerator]] = {
            _OURS: lambda: TextGenerator(bundle, probe=probe),
            "an output that nobody reads": lambda: TextGenerator(bundle),
            "a graph without the output": lambda: TextGenerator(plain),
        }
        names = list(makers)
        for start in range(min(_SESSIONS, rounds)):
            order = names[start % 3 :] + names[: start % 3]
            made = {name: makers[name]() for name in order}
            for name in order:
                _run(made[name], prompts[0])  # a warm-up
            for number in range(start, rounds, _SESSIONS):
                for name in order if number % 2 else order[::-1]:
                    run = _run(made[name], prompts[number % len(prompts)])
                    runs.setdefault(name, []).append(run)
    probed = runs[_OURS]
    return [_compared(name, probed, runs[name]) for name in names[1:]]


def _run(generator: TextGenerator, prompt: Sequence[int]) -> _Run:
    generator.forget()
    started = time.process_time()
    texts: list[str] = []
    first = started
    for piece in generator.stream(prompt, _OPTIONS, answers=True):
        first = first if texts else time.process_time()
        texts.append(piece.text)
    return _Run("".join(texts), first - started, time.process_time() - first)


def _compared(name: str, probed: Sequence[_Run], plain: Sequence[_Run]) -> Cost:
    pairs = list(zip(probed, plain, strict=True))
    return Cost(
        name,
        paired_ratio([each.first_s for each in probed], [each.first_s for each in plain]),
        paired_ratio([each.rest_s for each in probed], [each.rest_s for each in plain]),
        sum(one.text == other.text for one, other in pairs),
        len(pairs),
    )


def _probe(bundle: Bundle) -> Probe:
    graph = onnx.load(bundle.path / bundle.manifest.graph.file, load_external_data=False).graph
    (output,) = [each for each in graph.output if each.name == STATES]
    width = output.type.tensor_type.shape.dim[-1].dim_value
    return Probe(np.ones(width, dtype=np.float32), 0.0)


def _without(bundle: Bundle, work: Path) -> Bundle:
    """Return the same bundle with a graph that does not give its states."""
    file = bundle.manifest.graph.file
    model = onnx.load(bundle.path / file, load_external_data=False)
    (output,) = [each for each in model.graph.output if each.name == STATES]
    model.graph.output.remove(output)
    for path in bundle.path.iterdir():
        if path.is_file() and path.name != file:
            (work / path.name).hardlink_to(path)  # the weights are large
    onnx.save(model, work / file)
    manifest = msgspec.structs.replace(bundle.manifest, calibration={})
    return Bundle(work, manifest, verified=False)
