"""Whether pip finds wheels for the systems that the documentation names; needs the index."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

# glibc and Python of each
SYSTEMS = {
    "Debian 12, Raspberry Pi OS bookworm": (36, "3.11"),
    "Debian 13, Raspberry Pi OS trixie": (41, "3.13"),
}
# no wheels of pure Python: what decides whether there is a way at all
COMPILED = {"msgspec", "numpy", "onnxruntime", "tokenizers"}
# the matrix of docs/jetson.md: JetPack, glibc, its Python, onnxruntime for that, what is installed
JETPACKS = re.findall(
    r"^\| (\d) \| R\d+ \| Ubuntu [\d.]+, glibc 2\.(\d+) \| ([\d.]+) \| ([^|]+) \| (.+) \|$",
    (Path(__file__).parents[2] / "docs/jetson.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def platforms(newest: int) -> list[str]:
    names = [f"manylinux_2_{minor}_aarch64" for minor in range(newest, 16, -1)]
    return [word for name in [*names, "manylinux2014_aarch64"] for word in ("--platform", name)]


def resolve(tmp_path: Path, glibc: int, python: str, *wanted: str) -> dict[str, str]:
    """Return name -> file of what pip would install; skip where there is no index."""
    report = tmp_path / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--retries", "0", "--timeout", "10", "--dry-run", "--no-deps",
         "--ignore-installed", "--target", str(tmp_path / "none"), "--report", str(report),
         "--python-version", python, "--only-binary=:all:", *platforms(glibc), *wanted],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    # pip says the same of an index that it cannot reach and of one that lacks everything
    if done.returncode and "from versions: none" in done.stderr:
        pytest.skip(f"no package index here: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return {
        each["metadata"]["name"]: each["download_info"]["url"].rsplit("/", 1)[-1]
        for each in json.loads(report.read_text())["install"]
    }


def wanted() -> list[str]:
    found = [
        f"{each.name}{each.specifier}"
        for each in map(Requirement, requires("edge-runtime") or [])
        if each.marker is None and each.name in COMPILED
    ]
    assert len(found) == len(COMPILED)
    return found


@pytest.mark.parametrize("system", SYSTEMS)
def test_everything_compiled_has_a_wheel(tmp_path: Path, system: str) -> None:
    found = resolve(tmp_path, *SYSTEMS[system], *wanted())
    assert set(found) == COMPILED
    assert all("aarch64" in file for file in found.values()), found


def test_each_jetpack_that_the_script_knows_is_in_the_matrix() -> None:
    assert [each[0] for each in JETPACKS] == ["5", "6", "7"]


@pytest.mark.parametrize(
    ("glibc", "python", "own", "installed"), [each[1:] for each in JETPACKS], ids=[5, 6, 7]
)
def test_a_jetpack_gets_what_the_matrix_says(
    tmp_path: Path, glibc: str, python: str, own: str, installed: str
) -> None:
    [newest] = resolve(tmp_path, int(glibc), python, "onnxruntime").values()
    is_old = own.endswith(", too old")  # nobody makes newer ones for that Python
    assert not is_old or version_of(newest) == Version(own.removesuffix(", too old"))
    by_script = re.fullmatch(r"Python ([\d.]+) by uv, onnxruntime ([\d.]+)", installed)
    assert (by_script is not None) == is_old
    used, least = by_script.groups() if by_script else (python, own)
    found = resolve(tmp_path, int(glibc), used, *wanted())
    assert set(found) == COMPILED
    assert version_of(found["onnxruntime"]) >= Version(least)


def version_of(file: str) -> Version:
    return Version(file.split("-")[1])


def test_jetpacks_5_own_python_gets_pip_and_uv(tmp_path: Path) -> None:
    found = resolve(tmp_path, 31, "3.8", "pip", "uv")
    assert set(found) == {"pip", "uv"}
