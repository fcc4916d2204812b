"""A ready-made installation for a board: packages for its Python, pruned, as a virtual environment.

What is made here is not run here: the board has another processor.
"""

from __future__ import annotations

import compileall
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from edge_devices.flash.archive import TIME
from edge_devices.flash.errors import FlashError
from edge_devices.prune import prune

HOME = Path("/opt/edge-runtime")
PROGRAM = HOME / "bin/edge-run"

_TIMEOUT_S = 900
# what pip accepts on Debian 12 and later, the newest first
_PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
_SCRIPT = """\
#!{python}
import sys
from {module} import main
sys.exit(main())
"""
_SCRIPTS = {"edge-run": "edge_runtime.cli.entry", "edge-cloud": "edge_runtime.cli.cloud"}
_VERSION = re.compile(r"3\.\d+", re.ASCII)
# what the service loads; the rest is for commands that are seldom
COMPILED = (
    "click", "edge_devices", "edge_runtime", "jinja2", "msgspec", "numpy", "onnxruntime", "paho",
    "tokenizers", "typer",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Where packages come from: ``runtime`` is what pip is asked for, a requirement or a wheel.

    ``wheels`` is a directory with all that is needed; None for the package index.
    """

    runtime: str
    wheels: Path | None = None


def build_installation(source: Source, python: str, root: Path) -> float:
    """Install below ``root`` for an aarch64 board with that Python.

    Return the size in MB, without what is compiled of it.

    Raises:
        FlashError: a package has no wheel for the board, or pip fails.
    """
    if not _VERSION.fullmatch(python):
        raise FlashError(f"Python {python}: give a version such as 3.11")
    home = root / HOME.relative_to("/")
    site = home / f"lib/python{python}/site-packages"
    site.mkdir(parents=True)
    _install(source, python, site)
    if not (site / "edge_runtime").is_dir():
        raise FlashError(f"{source.runtime} does not install edge-runtime")
    shutil.rmtree(site / "bin", ignore_errors=True)
    prune(site)
    make_environment(home, python)
    for path in home.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (TIME, TIME))
    files = (path for path in home.rglob("*") if path.is_file() and not path.is_symlink())
    size_mb = sum(path.stat().st_size for path in files) / 1e6
    # the service may not write there; for another version the board does it at its first boot
    if python == f"{sys.version_info.major}.{sys.version_info.minor}":
        for name in COMPILED:
            compileall.compile_dir(site / name, quiet=2, stripdir=root, prependdir="/")
    return size_mb


def _install(source: Source, python: str, site: Path) -> None:
    platforms = [word for each in _PLATFORMS for word in ("--platform", f"{each}_aarch64")]
    places = [] if source.wheels is None else ["--no-index", "--find-links", str(source.wheels)]
    command = [
        sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install",
        "--no-compile", "--target", str(site), "--python-version", python,
        "--only-binary=:all:", *platforms, *places, source.runtime,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise FlashError(f"pip: no end within {_TIMEOUT_S} s") from exc
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        said = next((line for line in lines if line.startswith("ERROR")), "".join(lines[-1:]))
        raise FlashError(
            f"pip cannot install {source.runtime} for aarch64 and Python {python}: {said}; give a "
            "wheel that is here with --runtime, or all of them with --wheels"
        )


def make_environment(home: Path, python: str) -> None:
    """Make what ``python3 -m venv`` makes; the system's own packages stay out of it.

    Updates leave all of it as it is: they put a newer runtime into the state, see ``launch``.
    """
    (home / "bin").mkdir()
    (home / "bin/python3").symlink_to(f"/usr/bin/python{python}")
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n"
    )
    for name, module in _SCRIPTS.items():
        script = home / "bin" / name
        script.write_text(_SCRIPT.format(python=HOME / "bin/python3", module=module))
        script.chmod(0o755)
