"""A process that runs on keeps its drift alarm on disk; a single command does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.assistant.drift_watch import FILE_NAME

_ASK = """
import sys
from edge_runtime.cli.answering import open_assistant
from edge_runtime.messages import Request
from edge_runtime.settings import load_settings
settings = load_settings({"EDGE_CONFIG": "/dev/null", "EDGE_STATE": sys.argv[1]})
assistant = open_assistant(settings, None, shared=sys.argv[2] == "node")
assistant.begin(Request(text="turn on the kitchen light"))
"""


@pytest.mark.parametrize(("process", "keeps"), [("command", False), ("node", True)])
def test_only_what_runs_on_keeps_it(tmp_path: Path, process: str, keeps: bool) -> None:  # noqa: FBT001
    # a process of its own: bundles that share threads set them up once for all
    subprocess.run([sys.executable, "-c", _ASK, str(tmp_path), process], check=True, timeout=60)
    assert (tmp_path / FILE_NAME).exists() == keeps
