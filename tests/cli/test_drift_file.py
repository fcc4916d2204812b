"""A process that runs on keeps its drift alarm on disk; a single command does not."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.assistant.drift_watch import FILE_NAME
from edge_runtime.cli.answering import open_assistant
from edge_runtime.messages import Request
from edge_runtime.settings import load_settings


def test_a_node_keeps_it_and_a_command_writes_nothing(tmp_path: Path) -> None:
    settings = load_settings({"EDGE_CONFIG": "/dev/null", "EDGE_STATE": str(tmp_path)})
    request = Request(text="turn on the kitchen light")
    open_assistant(settings, None).begin(request)
    assert not (tmp_path / FILE_NAME).exists()
    open_assistant(settings, None, shared=True).begin(request)
    assert (tmp_path / FILE_NAME).exists()
