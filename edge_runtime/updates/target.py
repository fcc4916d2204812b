"""What is updated: a bundle of the store, or the installed runtime."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import edge_runtime
from edge_devices.slots import Slots, tree_slots
from edge_runtime.bundles.manifest import FILE_NAME
from edge_runtime.bundles.store import Store
from edge_runtime.bundles.verify import sha256
from edge_runtime.errors import BundleError, UpdateError
from edge_runtime.updates.gate import Candidate
from edge_runtime.updates.index import Kind

RUNTIME = "edge-runtime"


@dataclass(frozen=True)
class Own:
    """What a device has that no update brought: its version, and the hash of its manifest."""

    version: str
    manifest: str


@dataclass(frozen=True)
class Target:
    """One thing with two places. ``have`` are directories whose chunks are on the device.

    ``own`` tells of what runs where no place is in use; ``check`` raises EdgeError for a directory
    that is not what it should be; ``candidate`` says how a directory is tested, ``running`` what
    runs now. ``has_shipped`` tells whether anything is left without a place in use.
    """

    kind: Kind
    name: str
    slots: Slots
    have: Callable[[], list[Path]]
    own: Callable[[], Own | None]
    check: Callable[[Path], object]
    candidate: Callable[[Path], Candidate]
    running: Callable[[], Candidate | None]
    has_shipped: Callable[[], bool]


def bundle_target(store: Store, name: str) -> Target:
    """Return a bundle of the store, under the name that settings and clients use."""
    root = store.root
    slots = Slots(root / name, (root / f".{name}.a", root / f".{name}.b"), root / f".{name}.trial")

    def find() -> Path | None:
        with contextlib.suppress(BundleError):
            return store.find(name)
        return None

    def have() -> list[Path]:
        named = [path for path in store.directories() if path.name == name]
        return [path for path in (slots.place("a"), slots.place("b"), *named) if path.is_dir()]

    def own() -> Own | None:
        path = find()
        if path is None:
            return None
        with contextlib.suppress(BundleError, OSError):
            return Own(store.read(path).manifest.version, sha256(path / FILE_NAME))
        return None

    def running() -> Candidate | None:
        path = find()
        return None if path is None else Candidate(path.resolve())

    return Target(
        "bundle", name, slots, have, own,
        lambda path: Store(None).open(str(path)),
        Candidate,
        running,
        lambda: any(path.name == name for path in Store(None).directories()),
    )  # fmt: skip


def runtime_target(trees: Path, bundle: Callable[[], Path]) -> Target:
    """Return the runtime, which is tested with the bundle that the node answers with.

    What is installed is the way back from a first tree.
    """
    slots = tree_slots(trees)

    def have() -> list[Path]:
        trees = [path for path in map(slots.place, ("a", "b")) if path.is_dir()]
        return [*trees, Path(edge_runtime.__file__).parent]

    def check(path: Path) -> None:
        if not (path / "edge_runtime" / "__init__.py").is_file():
            raise UpdateError(
                f"{path} holds no edge_runtime; publish a tree made with pip --target"
            )

    return Target(
        "runtime", RUNTIME, slots, have,
        lambda: Own(edge_runtime.__version__, ""),
        check,
        lambda path: Candidate(bundle(), path),
        lambda: Candidate(bundle()),
        lambda: True,
    )  # fmt: skip
