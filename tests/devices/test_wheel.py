from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    pytest.importorskip("hatchling", reason="needs the extra `dev`")
    directory = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)],
        cwd=REPOSITORY, check=True, capture_output=True,
    )  # fmt: skip
    [wheel] = directory.iterdir()
    # one for every system: what is compiled is in the dependencies
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_is_pure_python(names: list[str]) -> None:
    assert not [name for name in names if name.endswith((".so", ".pyd", ".dylib", ".a"))]


@pytest.mark.parametrize(
    "name",
    [
        "edge_devices/profiles/pi5.toml",
        "edge_devices/assets/termux/install.sh",
        "edge_devices/assets/jetson/install.sh",
        "edge_runtime/data/assistant/bundle.json",
        "edge_runtime/data/assistant/model.onnx.data",
    ],
)
def test_what_a_device_needs_is_in_it(names: list[str], name: str) -> None:
    assert name in names


def test_nothing_else_is_in_it(names: list[str]) -> None:
    folders = {name.split("/", 1)[0] for name in names}
    known = {"edge_devices", "edge_export", "edge_runtime"}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == known
