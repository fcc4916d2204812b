"""Bundles into the local store and out of it; half of one is never there under its name."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edge_runtime.bundles.files import companions, data_files
from edge_runtime.bundles.manifest import FILE_NAME, File, Manifest, write_manifest
from edge_runtime.bundles.onnx_file import read_onnx
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.bundles.verify import sha256
from edge_runtime.errors import BundleError, BundleNotFoundError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}")
_FILE_MODE, _DIRECTORY_MODE = 0o644, 0o755


def add_bundle(store: Store, reference: str, name: str | None = None) -> Bundle:
    """Copy a directory into the store: the graphs that run, what goes with them, no other file.

    A hard link would let a later change of the original reach the store. A directory without
    ``bundle.json`` gets one with the hashes of its files, so that later changes are found.

    Raises:
        BundleError: it cannot be opened, the name is taken, or the disk is full.
    """
    opened = store.open(reference)
    target = free_place(store, name or opened.path.resolve().name)
    with writing(target), tempfile.TemporaryDirectory(dir=target.parent, prefix=".add-") as work:
        made = Path(work) / "bundle"
        for each in _files(opened):
            (made / each).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(opened.path / each, made / each)
        if not opened.verified:
            write_manifest(made, with_hashes(made, opened.manifest, target.name))
        put_in_place(made, target)
    return store.read(target)


def remove_bundle(store: Store, name: str) -> Path:
    """Delete a bundle from the store; a process that runs it keeps its files until it ends.

    Raises:
        BundleNotFoundError: the store has none of this name; one that ships with the package stays.
        BundleError: it cannot be deleted.
    """
    target = store.root / name
    if not _NAME.fullmatch(name) or not target.is_dir():
        names = sorted(path.name for path in store.directories() if path.parent == store.root)
        shipped = any(path.name == name for path in store.directories())
        raise BundleNotFoundError(
            f"{name!r} ships with edge-runtime and cannot be removed"
            if shipped
            else f"no bundle {name!r} in {store.root} ({', '.join(names) or 'it is empty'})"
        )
    with writing(target), tempfile.TemporaryDirectory(dir=store.root, prefix=".rm-") as work:
        target.rename(Path(work) / name)
    return target


def free_place(store: Store, name: str) -> Path:
    """Return where a bundle of this name goes in the store, whose directory is made.

    Raises:
        BundleError: it is no name, or it is taken.
    """
    if not _NAME.fullmatch(name):
        raise BundleError(
            f"{name!r} is no name for a bundle: letters, digits, '.', '_' and '-'; choose another "
            "with --name"
        )
    if any(path.name == name for path in store.directories()):
        raise BundleError(
            f"there is a bundle {name!r} already; choose another name with --name, or remove it "
            f"first: edge-run models rm {name}"
        )
    with writing(store.root):
        store.root.mkdir(parents=True, exist_ok=True)
    return store.root / name


def with_hashes(directory: Path, manifest: Manifest, name: str) -> Manifest:
    """Return a manifest that lists all files of a directory; of their quality it says nothing."""
    return msgspec.structs.replace(manifest, name=name, files=hashed_files(directory))


def hashed_files(directory: Path) -> list[File]:
    """Return all files of a directory but the manifest, with their hashes."""
    return [
        File(path.relative_to(directory).as_posix(), path.stat().st_size, sha256(path))
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != FILE_NAME
    ]


def put_in_place(made: Path, target: Path) -> None:
    """Check a new bundle as a device would, write it through to the disk and give it its name.

    Raises:
        BundleError: the check fails, or the name was taken meanwhile.
        OSError: the disk is full.
    """
    Store(None).open(str(made))
    for path in [made, *made.rglob("*")]:
        path.chmod(_DIRECTORY_MODE if path.is_dir() else _FILE_MODE)
        _sync(path)
    if target.exists():
        raise BundleError(f"{target} is there already; another process made it meanwhile")
    made.rename(target)
    _sync(target.parent)


@contextlib.contextmanager
def writing(target: Path) -> Iterator[None]:
    """Say in one line why the store cannot be written.

    Raises:
        BundleError: for every OSError inside.
    """
    try:
        yield
    except BundleError:
        raise
    except OSError as exc:
        raise BundleError(f"{target} cannot be written: {exc.strerror or exc}") from exc


def _files(bundle: Bundle) -> list[str]:
    if bundle.verified:
        return [FILE_NAME, *(file.path for file in bundle.manifest.files)]
    names = {path.relative_to(bundle.path).as_posix() for path in bundle.path.rglob("*")}
    graphs = {name: read_onnx(bundle.path / name) for name in bundle.manifest.graph.files}
    return [*companions(names, str(bundle.path)), *graphs, *data_files(graphs, names)]


def _sync(path: Path) -> None:
    """Without it a power cut may leave a file of the right name and no content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
