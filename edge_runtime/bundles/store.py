"""Bundles by name: the one that ships with the package, and those in the local store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.bundles.files import CONFIG_FILE
from edge_runtime.bundles.manifest import FILE_NAME, Manifest, read_manifest
from edge_runtime.bundles.verify import HashCache, verify_files
from edge_runtime.errors import BundleError, BundleNotFoundError

DEFAULT_BUNDLE = "assistant"
_SHIPPED = Path(__file__).parent.parent / "data"


@dataclass(frozen=True)
class Bundle:
    """An opened bundle. ``verified`` is True when every file was hashed against the manifest."""

    path: Path
    manifest: Manifest
    verified: bool

    @property
    def digest(self) -> str:
        """Short SHA-256 over the hashes of all files, which names the model exactly."""
        if not self.manifest.files:
            return "unverified"
        lines = sorted(f"{file.sha256}  {file.path}\n" for file in self.manifest.files)
        return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()[:12]}"

    @property
    def model_name(self) -> str:
        """The ``model`` field of an answer."""
        return f"{self.manifest.name}@{self.digest}"


class Store:
    """Finds and opens bundles; ``state`` is the state directory, or None to keep nothing."""

    def __init__(self, state: Path | None) -> None:
        self._state = state

    @property
    def root(self) -> Path:
        """Where bundles can be added; it need not exist yet.

        Raises:
            BundleError: this store keeps nothing.
        """
        if self._state is None:
            raise BundleError("there is no state directory to keep a bundle in; set EDGE_STATE")
        return self._state / "bundles"

    def find(self, reference: str) -> Path:
        """Return the directory for a name in the store or a path, whatever variant it names.

        Raises:
            BundleNotFoundError: neither.
        """
        return self._locate(reference)[0]

    def open(self, reference: str = DEFAULT_BUNDLE) -> Bundle:
        """Find a bundle, read its manifest, and check every file.

        Raises:
            BundleError: not found, not readable, or not what its manifest says.
        """
        bundle = self.look(reference)
        if bundle.manifest.files:
            cache = HashCache(self._state / "hashes.json" if self._state else None)
            verify_files(bundle.path, bundle.manifest, cache)
        return Bundle(bundle.path, bundle.manifest, verified=bool(bundle.manifest.files))

    def look(self, reference: str = DEFAULT_BUNDLE) -> Bundle:
        """Find a bundle and read its manifest, or derive one; no file is hashed.

        ``reference`` is a name or a directory. Where there is no ``bundle.json`` it may end in the
        precision of the graph to run: ``NAME:q4``.

        Raises:
            BundleError: not found, not a bundle, or its manifest cannot be read.
        """
        path, variant = self._locate(reference)
        return self.read(path, variant)

    def read(self, path: Path, variant: str | None = None) -> Bundle:
        """Read the manifest of a directory, or derive one; no file is hashed.

        Raises:
            BundleError: not a bundle, or its manifest cannot be read.
        """
        if not (path / FILE_NAME).is_file():
            from edge_runtime.bundles.derive import derive_manifest  # noqa: PLC0415 - rarely needed

            return Bundle(path, derive_manifest(path, variant), verified=False)
        manifest = read_manifest(path)
        if not manifest.files:
            raise BundleError(f"{path / FILE_NAME} lists no files; export the bundle again")
        if variant is not None:
            raise BundleError(
                f"{path / FILE_NAME} names the graph that runs, so there is no variant {variant!r}"
            )
        return Bundle(path, manifest, verified=False)

    def directories(self) -> Iterator[Path]:
        """Yield the directories of all bundles that have a name."""
        for root in self._roots():
            if root.is_dir():
                yield from sorted(path for path in root.iterdir() if is_bundle(path))

    def _locate(self, reference: str) -> tuple[Path, str | None]:
        head, _, tail = reference.rpartition(":")
        for name, variant in ((reference, None), (head, tail or None)):
            if (found := self._directory(name)) is not None:
                return found, variant
        names = ", ".join(path.name for path in self.directories()) or "none"
        raise BundleNotFoundError(
            f"no bundle {reference!r}: it is neither a directory nor in the store ({names})"
        )

    def _directory(self, reference: str) -> Path | None:
        if not reference:
            return None
        if "/" not in reference and reference not in {".", ".."}:
            for root in self._roots():
                if (root / reference).is_dir():
                    return root / reference
        path = Path(reference).expanduser()
        return path if path.is_dir() else None

    def _roots(self) -> list[Path]:
        stored = [self.root] if self._state else []
        return [*stored, _SHIPPED]


def is_bundle(path: Path) -> bool:
    """Whether a directory looks like something that can be opened, and is no unfinished copy."""
    names = (FILE_NAME, CONFIG_FILE)
    return not path.name.startswith(".") and any((path / name).is_file() for name in names)
