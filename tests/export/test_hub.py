from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.bundles.manifest import Manifest
from edge_runtime.bundles.store import Store

from .families import FAMILIES

pytestmark = pytest.mark.export

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def _in_cache(home: Path, hub_id: str, source: Path) -> None:
    """Lay a model into the cache of huggingface_hub, as a download does."""
    root = home / "hub" / f"models--{hub_id.replace('/', '--')}"
    shutil.copytree(source, root / "snapshots" / COMMIT)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(COMMIT)
    # files that the hub is known not to have
    for name in (
        "README.md",
        "modules.json",
        "1_Pooling/config.json",
        "model.safetensors.index.json",
    ):
        absent = root / ".no_exist" / COMMIT / name
        absent.parent.mkdir(parents=True, exist_ok=True)
        absent.touch()


@pytest.mark.parametrize("name", ["bert-text-classification", "smollm2", "electra"])
def test_a_hub_id_is_converted_like_a_directory(tmp_path: Path, name: str) -> None:
    source = FAMILIES[name].save(tmp_path / "source")
    _in_cache(tmp_path / "home", "someone/tiny", source)
    made: dict[str, Manifest] = {}
    for reference in ("someone/tiny", str(source)):
        out = tmp_path / f"out{len(made)}"
        done = subprocess.run(
            [sys.executable, "-m", "edge_export.cli.app", "convert", reference, "-o", str(out),
             "--name", "tiny"],
            env={**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        made[reference] = Store(None).open(str(out)).manifest
    hub, local = made["someone/tiny"], made[str(source)]
    assert (hub.source.model, hub.source.revision) == ("someone/tiny", COMMIT)
    weights = {file.path: file.sha256 for file in hub.files if ".onnx" in file.path}
    assert weights == {file.path: file.sha256 for file in local.files if ".onnx" in file.path}


def test_a_hub_id_that_is_nowhere_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge_export.cli.app", "convert", "nobody/nothing", "-o",
         str(tmp_path / "out")],
        env={**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: no model config at 'nobody/nothing'")
    assert "Traceback" not in done.stderr
