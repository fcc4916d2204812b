"""One release into the repository, and a new index over all of them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from edge_export.publishing.chunk_files import Stored, put, store_contents
from edge_export.publishing.prune import earlier_releases, prune
from edge_runtime.bundles.json_file import read_json
from edge_runtime.bundles.manifest import FILE_NAME as MANIFEST
from edge_runtime.bundles.signatures import sign
from edge_runtime.bundles.store import Bundle
from edge_runtime.bundles.verify import sha256
from edge_runtime.errors import BundleError, ConfigError
from edge_runtime.updates.contents import Golden, Limits
from edge_runtime.updates.index import FILE_NAME, FORMAT, TYPE, Index, Kind, Release
from edge_runtime.updates.target import RUNTIME

DAY_S = 86_400.0

_MOST_KEPT = 32  # of each name: an index is of bounded size
_NOT_SHIPPED = ("__pycache__", ".pyc")


@dataclass(frozen=True)
class Item:
    """What is published: some files of a directory, under a name and version.

    ``manifest`` is the SHA-256 of ``bundle.json``, empty for a runtime.
    """

    kind: Kind
    name: str
    version: str
    directory: Path
    files: Sequence[str]
    oldest_runtime: str = "0.1.0"
    manifest: str = ""


@dataclass(frozen=True)
class Terms:
    """How a release is offered: to how many of the nodes, and with which test.

    ``keep`` is how many versions of each name stay in the repository; None: all.
    """

    stage_percent: float = 100.0
    golden: Sequence[Golden] = ()
    limits: Limits = field(default_factory=Limits)
    keep: int | None = None


@dataclass(frozen=True)
class Published:
    """The new index; of the release what it is and what was written for it; what was deleted."""

    index: Index
    release: Release | None = None
    stored: Stored | None = None
    freed_bytes: int = 0


def bundle_item(bundle: Bundle, name: str | None = None) -> Item:
    """Return a bundle whose files were checked; no others of its directory go with it.

    Raises:
        BundleError: it has no manifest, so nothing says what it should be.
    """
    if not bundle.verified:
        raise BundleError(f"{bundle.path} has no {MANIFEST}: edge-run models add makes one")
    manifest = bundle.manifest
    return Item(
        "bundle",
        name or manifest.name,
        manifest.version,
        bundle.path,
        [MANIFEST, *(file.path for file in manifest.files)],
        manifest.oldest_runtime,
        sha256(bundle.path / MANIFEST),
    )


def runtime_item(tree: Path) -> Item:
    """Return an installed runtime: a directory that ``pip install --target`` made.

    Raises:
        BundleError: there is no edge-runtime in it.
    """
    described = sorted(tree.glob("edge_runtime-*.dist-info"))
    version = described[0].stem.split("-", 1)[1] if described else None
    if version is None or not (tree / "edge_runtime").is_dir():
        raise BundleError(
            f"{tree} holds no edge-runtime; make it with: pip install --target {tree} edge-runtime"
        )
    files = [
        path.relative_to(tree).as_posix()
        for path in tree.rglob("*")
        if path.is_file() and not any(part in path.as_posix() for part in _NOT_SHIPPED)
    ]
    return Item("runtime", RUNTIME, version, tree, files)


def publish(
    repository: Path,
    private_key: bytes,
    item: Item | None,
    terms: Terms,
    *,
    valid_days: float,
    now: Callable[[], float] = time.time,
) -> Published:
    """Write what is new of a release, then the index, signed; without one the index anew.

    Published again with the same files, a release keeps its serial, and its stage may grow. At
    last, what only versions need that the terms do not keep is deleted.

    Raises:
        ConfigError: the key is no Ed25519 key, another process publishes here, or the repository
            cannot be read or written.
        BundleError: the files are not what they should be.
        UpdateError: the repository is damaged, so that nothing is deleted from it.
    """
    with _alone(repository):
        before = _read(repository)
        release = stored = None
        try:
            releases = list(before.releases) if before else []
            if item is not None:
                stored = store_contents(
                    repository, item.directory, item.files, terms.golden, terms.limits
                )
                release = _release(item, terms, stored, before)
                releases = [r for r in releases if (r.kind, r.name) != (item.kind, item.name)]
                releases.append(release)
            issued_s = now()
            index = Index(
                format=FORMAT,
                type=TYPE,
                version=before.version + 1 if before else 1,
                issued_s=issued_s,
                expires_s=issued_s + valid_days * DAY_S,
                releases=sorted(releases, key=lambda r: (r.kind, r.name)),
                earlier=earlier_releases(repository, before, releases, terms.keep or _MOST_KEPT),
            )
            document: dict[str, Any] = msgspec.to_builtins(index)
            signed = msgspec.structs.replace(index, signature=sign(document, private_key))
            text = msgspec.json.format(msgspec.json.encode(signed), indent=2)
            put(repository / FILE_NAME, text + b"\n")
            freed_bytes = 0 if terms.keep is None else prune(repository, signed)
        except OSError as exc:
            raise ConfigError(f"{exc.filename or repository}: {exc.strerror}") from exc
        return Published(signed, release, stored, freed_bytes)


@contextlib.contextmanager
def _alone(repository: Path) -> Iterator[None]:
    """Let no other process publish here: what it has written is not named by an index yet."""
    try:
        repository.mkdir(parents=True, exist_ok=True)
        opened = os.open(repository, os.O_RDONLY)
    except OSError as exc:
        raise ConfigError(f"{repository}: {exc.strerror}") from exc
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as exc:
        raise ConfigError(
            f"another process publishes into {repository}; wait until that has ended"
        ) from exc
    finally:
        os.close(opened)


def _release(item: Item, terms: Terms, stored: Stored, before: Index | None) -> Release:
    old = before.release(item.kind, item.name) if before else None
    is_same = old is not None and old.contents == stored.sha256 and old.version == item.version
    serial = (0 if old is None else old.serial) + (0 if is_same else 1)
    return Release(
        kind=item.kind,
        name=item.name,
        version=item.version,
        serial=serial,
        size_bytes=stored.size_bytes,
        contents=stored.sha256,
        contents_bytes=stored.contents_bytes,
        manifest=item.manifest,
        stage_percent=terms.stage_percent,
        oldest_runtime=item.oldest_runtime,
    )


def _read(repository: Path) -> Index | None:
    """Read the index as it is; it is the publisher's own, and signed anew in a moment."""
    path = repository / FILE_NAME
    if not path.exists():
        return None
    document = read_json(path)
    if document.get("format") != FORMAT or document.get("type") != TYPE:
        raise ConfigError(
            f"{path} is no index of format {FORMAT}; publish with the edge-export that made it, or "
            "into another directory"
        )
    try:
        return msgspec.convert(document, Index)
    except msgspec.ValidationError as exc:
        raise ConfigError(f"{path}: {exc}") from exc
