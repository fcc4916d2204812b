"""How many instructions of the board a whole process takes: a measure that no load disturbs."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

from benchmarks.arm64.board import Emulated

PACKAGE = "qemu-user"  # its static twin cannot load a plugin

_SOURCE = Path(__file__).with_name("instructions.c")
_COUNT = re.compile(r"^instructions (\d+)$", re.MULTILINE)
_RUNS = {
    "python alone": ["-c", "print('nothing')"],
    "edge-run classify, one text": [
        "-m", "edge_runtime.cli.entry", "classify", "Please remind me to water the plants",
    ],
}  # fmt: skip


def count_instructions(board: Emulated, emulator: Path, work: Path) -> dict[str, int]:
    """Return run -> instructions, with one thread, once everything was run before.

    Raises:
        OSError: there is no C compiler, or this emulator does not run here or takes no plugin.
    """
    plugin = work / "instructions.so"
    _call(["cc", "-shared", "-fPIC", "-O1", "-o", str(plugin), str(_SOURCE)])
    counting = replace(board, emulator=emulator, options=("-plugin", str(plugin)))
    environment = {
        "EDGE_THREADS": "1",
        "EDGE_STATE": str(work / "state"),
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(work / "bytecode"),
    }
    counts = {}
    for name, arguments in _RUNS.items():
        # the first one after an installation compiles Python's sources and hashes the bundle
        counting.python(arguments, environment)
        done = counting.python(arguments, environment)
        found = _COUNT.search(done.stderr)
        if done.returncode or found is None:
            raise OSError(f"{name}: {done.stderr.strip()[-200:]}")
        counts[name] = int(found.group(1))
    return counts


def _call(command: list[str]) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as exc:
        raise OSError(f"{command[0]} failed: {exc.stderr.strip()}") from exc
