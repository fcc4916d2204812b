from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_devices.prune import UNUSED, main, prune


def site(root: Path) -> Path:
    for name in (
        "edge_runtime/__init__.py",
        "edge_runtime/__pycache__/a.pyc",
        "onnxruntime/tools/convert.py",
        "onnxruntime/capi/libonnxruntime.so.1.32.0",
        "onnxruntime/capi/onnxruntime_pybind11_state.so",
        "numpy/_core/tests/test_a.py",
        "numpy/typing/__init__.py",
        "numpy/__init__.pyi",
        "pygments/lexers/__init__.py",
        "pygments/lexers/rust.py",
        "tests/test_of_somebody.py",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 1000)
    return root


def test_only_what_nothing_loads_is_deleted(tmp_path: Path) -> None:
    freed = prune(site(tmp_path))
    assert freed["onnxruntime/tools"] == 1000
    assert sum(freed.values()) == 6000
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()} == {
        "edge_runtime/__init__.py",
        "onnxruntime/capi/onnxruntime_pybind11_state.so",
        "numpy/typing/__init__.py",
        "pygments/lexers/__init__.py",
        "tests/test_of_somebody.py",
    }
    assert sum(prune(tmp_path).values()) == 0


def test_a_dry_run_deletes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(site(tmp_path).rglob("*"))
    main([str(tmp_path), "--dry-run"])
    assert sorted(tmp_path.rglob("*")) == before
    assert "onnxruntime/tools: converts graphs on a workstation" in capsys.readouterr().out


def test_another_directory_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path)])


def test_every_pattern_stays_below_the_directory() -> None:
    assert not [pattern for pattern in UNUSED if pattern.startswith("/") or ".." in pattern]


def test_nothing_that_is_pruned_is_loaded_by_an_answer() -> None:
    """The modules of a whole answer, asked for in a process of its own."""
    code = (
        "import sys, json; from edge_runtime import load\n"
        "with load('assistant') as assistant: assistant.ask('turn on the light')\n"
        "print('\\n'.join(sorted(str(getattr(m, '__file__', '')) for m in sys.modules.values())))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    files = done.stdout.split("\n")
    assert any("onnxruntime_pybind11_state" in name for name in files)
    folders = [f"/{pattern}/" for pattern in UNUSED if "*" not in pattern]
    assert not [name for name in files if any(folder in name for folder in folders)]
