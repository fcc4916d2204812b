"""A directory of files becomes a bundle: hashed, opened as a device would, put in place whole."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec

from edge_runtime.bundles.install import hashed_files
from edge_runtime.bundles.manifest import FILE_NAME, Manifest, write_manifest
from edge_runtime.bundles.store import Store
from edge_runtime.errors import ConfigError

_FILE_MODE = 0o644
_DIRECTORY_MODE = 0o755


def write_bundle(files: Path, manifest: Manifest, output: Path, *, force: bool = False) -> Manifest:
    """Copy all files into ``output`` with a manifest that lists their hashes; return it.

    The bundle is made beside ``output`` and renamed, so that no half of one is ever there.

    Raises:
        ConfigError: ``output`` exists and ``force`` is not set, or it cannot be written.
        BundleError: the device's own check refuses the result.
    """
    check_output(output, force=force)
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as work:
            made = Path(work) / "bundle"
            shutil.copytree(files, made)
            manifest = msgspec.structs.replace(manifest, files=hashed_files(made))
            write_manifest(made, manifest)
            for path in made.rglob("*"):
                path.chmod(_DIRECTORY_MODE if path.is_dir() else _FILE_MODE)
            Store(None).open(str(made))
            _replace(output, made, Path(work) / "replaced")
    except OSError as exc:
        raise ConfigError(f"{output} cannot be written: {exc.strerror or exc}") from exc
    return manifest


def check_output(output: Path, *, force: bool) -> None:
    """Refuse to replace anything that is not a bundle, and a bundle only if asked to.

    Raises:
        ConfigError: ``output`` exists and must not be replaced.
    """
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    if not (output / FILE_NAME).is_file():
        raise ConfigError(f"{output} exists and is not a bundle; choose another directory")
    if not force:
        raise ConfigError(f"{output} exists; choose another directory, or --force to replace it")


def _replace(output: Path, made: Path, aside: Path) -> None:
    """Rename ``made`` to ``output``; what was there comes back if that is interrupted."""
    try:
        if output.exists():
            output.rename(aside)
        made.rename(output)
    except BaseException:
        if aside.exists() and not output.exists():
            aside.rename(output)
        raise
