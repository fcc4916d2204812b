"""A command as a contestant: each run is a process of its own, timed to its end."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.harness.alternation import Case
from benchmarks.harness.process import ContestantError, Measured
from benchmarks.harness.timing import Timing


@dataclass(frozen=True)
class Command:
    """What to run; the text of a case follows as its last argument."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def measure(self, case: Case) -> Measured:
        """Run once; the CPU time is that of the process alone, user and system.

        Raises:
            ContestantError: it does not start, fails, or prints nothing.
        """
        arguments = [*self.arguments, case["text"]]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as log:
            started = time.perf_counter()
            try:
                process = subprocess.Popen(
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=log,
                    env={**os.environ, **self.environment},
                )
            except OSError as exc:
                raise ContestantError(f"{arguments[0]} does not start: {exc.strerror}") from exc
            _, status, usage = os.wait4(process.pid, 0)
            wall_s = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            log.seek(0)
            said = out.read().decode().strip()
            if process.returncode or not said:
                lines = log.read().decode(errors="replace").strip().splitlines()
                raise ContestantError(lines[-1] if lines else f"status {process.returncode}")
        timing = Timing(wall_s, usage.ru_utime + usage.ru_stime)
        return Measured({"process": timing}, {"said": said.splitlines()[0]})
