from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


class Run:
    def __init__(self, process: subprocess.CompletedProcess[bytes]) -> None:
        self.code = process.returncode
        self.out = process.stdout.decode()
        self.err = process.stderr.decode()

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def edge_run(tmp_path: Path) -> Any:
    """Run the command as a user would, in a process of its own, with a state of its own."""

    def run(*arguments: str | bytes, stdin: bytes = b"", **environment: str) -> Run:
        env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "EDGE_STATE": str(tmp_path / "s"),
               "EDGE_SOCKET": "off", "PYTHONPATH": ":".join(sys.path), **environment}  # fmt: skip
        command = [sys.executable, "-W", "error", "-m", "edge_runtime.cli.entry", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, env=env, check=False)
        assert b"Traceback" not in done.stderr
        return Run(done)

    return run
