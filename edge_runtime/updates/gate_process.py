"""``python -m edge_runtime.updates.gate_process BUNDLE < golden.json``: measure a bundle, alone.

A process of its own: what crashes, hangs or eats memory here harms no node. It prints one line of
JSON, a ``Measurement``. A new runtime measures itself: it is then on the path instead of the old.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import sys
from pathlib import Path

import msgspec

import edge_runtime
from edge_runtime.errors import EdgeError
from edge_runtime.updates.contents import Golden
from edge_runtime.updates.golden import Score, ask_golden

_NICENESS = 10  # the node goes on answering
# where a release has no golden set: it has to load, and its time and memory count
PROBES = ("turn on the light in the kitchen", "what is the weather like tomorrow in Paris?")


class Measurement(msgspec.Struct, frozen=True):
    """What a version can do: the score, the most memory that was resident, and who says so."""

    model: str
    runtime: str
    score: Score
    rss_mb: float


def measure(directory: Path, golden: list[Golden]) -> Measurement:
    """Load a bundle and ask the golden set; without one, neutral texts for their time.

    Raises:
        EdgeError: it cannot be loaded.
    """
    from edge_runtime.assistant.pipeline import Assistant  # noqa: PLC0415 - part of what is tested
    from edge_runtime.bundles.store import Store  # noqa: PLC0415

    bundle = Store(None).open(str(directory))
    assistant = Assistant(bundle)
    task = assistant.tasks[0]
    asked = golden or [Golden(text, task) for text in PROBES]
    return Measurement(
        bundle.model_name, edge_runtime.__version__, ask_golden(assistant.begin, asked), _rss_mb()
    )


def _rss_mb() -> float:
    """Return the most that was resident; ru_maxrss would count what the parent had before exec."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        status = ""
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    kilobytes = int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1000


def main() -> None:
    """Read the golden set from standard input, measure, print."""
    with contextlib.suppress(OSError):  # a service may be forbidden to
        os.nice(_NICENESS)
    golden = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Golden])
    try:
        found = measure(Path(sys.argv[1]), golden)
    except EdgeError as exc:
        sys.exit(" ".join(str(exc).split()))
    sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
    sys.stdout.flush()
    os._exit(0)  # to take ONNX Runtime down takes longer than an answer


if __name__ == "__main__":
    main()
