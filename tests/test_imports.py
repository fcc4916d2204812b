"""What must not load, and when: start-up time and memory on a board depend on it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "onnxruntime", "tokenizers", "numpy", "paho", "openai", "rich", "torch", "jinja2", "starlette",
    "uvicorn", "prometheus_client",
}  # fmt: skip


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(child.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import edge_runtime",
        "from edge_runtime import load",
        "from edge_runtime import Answer, EdgeError, OwnerPolicy, Request, Resources, load",
    ],
)
def test_importing_the_package_loads_nothing_heavy(statement: str) -> None:
    assert not _loaded_by(statement) & {*HEAVY, "typer"}


def test_the_command_line_loads_no_model_code_before_a_verb_runs() -> None:
    heavy = HEAVY - {"rich"}
    assert not _loaded_by("import edge_runtime.cli.app, edge_runtime.cli.cloud") & heavy


@pytest.mark.parametrize(
    "module", ["edge_runtime.assistant.pipeline", "edge_runtime.bridge.node.node"]
)
def test_the_device_never_loads_workstation_packages(module: str) -> None:
    forbidden = {
        "torch", "transformers", "optimum", "onnx", "huggingface_hub", "openai", "sympy",
        "starlette", "uvicorn",
    }  # fmt: skip
    assert not _loaded_by(f"import {module}") & forbidden


def test_the_http_server_loads_neither_the_broker_nor_the_command_line() -> None:
    pytest.importorskip("starlette", reason="needs the extra `http`")
    loaded = _loaded_by("import edge_runtime.http.app, edge_runtime.http.server")
    assert not loaded & {"paho", "typer", "openai", "torch", "pydantic", "jinja2"}
