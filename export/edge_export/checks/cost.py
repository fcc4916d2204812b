"""What a bundle takes to run: load time, memory and speed, in a process that does nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec

from edge_export.texts import PASSAGES, TEXTS
from edge_runtime.bundles.manifest import DATA_FILE, read_manifest
from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BundleError
from edge_runtime.tasks.encoder import Encoder
from edge_runtime.tasks.generation import TextGenerator
from edge_runtime.tasks.generation_options import GenerationOptions
from edge_runtime.tasks.seq2seq import TextToText

_REPEATS = 15
_NEW_TOKENS = 24
_TIMEOUT_S = 600


class Cost(msgspec.Struct, frozen=True, omit_defaults=True):
    """Measured with one thread on this machine.

    ``latency_ms`` is for one short text, tokenisation included (an encoder), ``prompt_tps`` and
    ``generation_tps`` are tokens per second of prefill and decode (a model that makes text).
    """

    size_bytes: int
    load_ms: float
    peak_rss_bytes: int
    latency_ms: float | None = None
    prompt_tps: float | None = None
    generation_tps: float | None = None


def measure_cost(directory: Path) -> Cost:
    """Run a bundle, whose files need no hashes yet, in a process of its own.

    Raises:
        BundleError: it does not run there.
    """
    command = [sys.executable, "-m", "edge_export.checks.cost", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise BundleError(f"{directory} does not run in a process of its own: {last[0]}")
    graph = read_manifest(directory).graph
    names = (graph.file, graph.encoder, DATA_FILE)
    files = [directory / name for name in names if name is not None]
    size = sum(path.stat().st_size for path in files if path.is_file())
    return msgspec.convert({"size_bytes": size, **json.loads(done.stdout)}, Cost)


def _run(directory: Path) -> dict[str, float]:
    bundle = Bundle(directory, read_manifest(directory), verified=False)
    started = time.perf_counter()
    figures = _opened(bundle)
    load_ms = (time.perf_counter() - started) * 1e3
    return {
        "load_ms": round(load_ms, 2),
        **{name: round(value, 3) for name, value in figures().items()},
        "peak_rss_bytes": _peak_rss_bytes(),
    }


def _opened(bundle: Bundle) -> Callable[[], dict[str, float]]:
    """Load the bundle; return what measures its speed."""
    task = bundle.manifest.task
    if task in {"text-generation", "summarization", "translation"}:
        model = TextGenerator(bundle) if task == "text-generation" else TextToText(bundle)

        def generate() -> dict[str, float]:
            options = GenerationOptions(max_tokens=_NEW_TOKENS, beams=1)
            # begun differently, so that none is known from the one before
            prompt = PASSAGES[0][: bundle.manifest.max_length // 2]
            runs = [model.generate(f"{n} {prompt}", options) for n in range(3)]
            return {
                "prompt_tps": median(run.prompt_tps for run in runs),
                "generation_tps": median(run.generation_tps for run in runs),
            }

        return generate
    encoder = Encoder(bundle)

    def encode() -> dict[str, float]:
        times = []
        for _ in range(_REPEATS):
            started = time.perf_counter()
            windows = encoder.tokenizer.windows(TEXTS[1:2])
            encoder.run(windows)
            times.append(time.perf_counter() - started)
        return {"latency_ms": median(times) * 1e3}

    return encode


def _peak_rss_bytes() -> int:
    """Return the peak of this process alone; that of ``getrusage`` starts with its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


if __name__ == "__main__":
    print(json.dumps(_run(Path(sys.argv[1]))))  # noqa: T201 - read by the process that started this
