"""A publisher and a device: bundles of random bytes, which are hashed, and never loaded."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edge_export.publishing.publish import Published, Terms, bundle_item, publish
from edge_runtime.bundles.signatures import new_key
from edge_runtime.bundles.store import Store
from edge_runtime.bundles.verify import sha256
from edge_runtime.updates.contents import Contents
from edge_runtime.updates.gate import Candidate, Gate
from edge_runtime.updates.holds import Readings
from edge_runtime.updates.options import UpdateOptions
from edge_runtime.updates.repository import Repository
from edge_runtime.updates.source import DirectorySource, Source
from edge_runtime.updates.taking import Means, free_bytes
from edge_runtime.updates.target import Target, bundle_target
from edge_runtime.updates.trials import Trials
from edge_runtime.updates.updater import Device, Updater
from edge_runtime.updates.workplace import Workplace

PRIVATE, PUBLIC = new_key()
NAME = "mine"
ON_MAINS = Readings(minute=12 * 60, battery_percent=None, metered=None)
BOOT = ("boot", 100.0)


def write_bundle(directory: Path, version: str, *, weights: bytes = b"", name: str = NAME) -> Path:
    """Write a bundle that can be opened and verified, though not loaded."""
    directory.mkdir(parents=True)
    (directory / "model.onnx").write_bytes(b"graph of " + version.encode())
    (directory / "model.onnx.data").write_bytes(weights)
    (directory / "config.json").write_text("{}")
    files = [
        {"path": path.name, "size_bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(directory.iterdir())
    ]
    document = {
        "format": 1,
        "name": name,
        "version": version,
        "task": "text-classification",
        "heads": {"intent": {"type": "classification", "output": "logits", "labels": ["a", "b"]}},
        "source": {"model": "test"},
        "graph": {"file": "model.onnx", "form": "test", "opset": 17},
        "files": files,
    }
    (directory / "bundle.json").write_text(json.dumps(document))
    return directory


def weights(size_bytes: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size_bytes)  # noqa: S311 - the same in every run


def passes(_new: Candidate, _old: Candidate | None, _contents: Contents) -> str:
    """A gate that everything passes: what is tested with it are the steps around it."""
    return "passed"


@dataclass
class Site:
    """A repository with its publisher, and a device that reads it from the directory."""

    root: Path
    gate: Gate = passes
    options: UpdateOptions = field(default_factory=UpdateOptions)
    node: str = "kitchen"
    board: Readings = ON_MAINS
    now_s: float = 1_000_000.0
    uptime: tuple[str, float] = BOOT
    source: Source | None = None
    free: Callable[[Path], int] = free_bytes
    published: int = 0

    @property
    def repository(self) -> Path:
        return self.root / "repository"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def store(self) -> Store:
        return Store(self.state)

    @property
    def target(self) -> Target:
        return bundle_target(self.store, NAME)

    @property
    def workplace(self) -> Workplace:
        return Workplace(self.state / "updates")

    def publish(
        self,
        version: str | None,
        *,
        weights: bytes = b"",
        terms: Terms | None = None,
        key: bytes = PRIVATE,
        valid_days: float = 30.0,
    ) -> Published:
        """Publish a version; None: the index alone, anew."""
        item = None
        if version is not None:
            self.published += 1
            made = write_bundle(self.root / f"published-{self.published}", version, weights=weights)
            item = bundle_item(Store(None).open(str(made)))
        return publish(
            self.repository, key, item, terms or Terms(), valid_days=valid_days,
            now=lambda: self.now_s,
        )  # fmt: skip

    def updater(self) -> Updater:
        source = self.source or DirectorySource(self.repository)
        repository = Repository(source, PUBLIC, uptime=lambda: self.uptime, wall=lambda: self.now_s)
        means = Means(self.workplace, repository, self.options, self.gate, self.free)
        device = Device(self.node, self.targets, lambda: self.board)
        return Updater(self.workplace, device, means)

    @property
    def targets(self) -> Sequence[Target]:
        return [self.target]

    def trials(self) -> Trials:
        return Trials(self.workplace, self.targets, self.options)

    def take(self, version: str, *, keep: bool = True, weights: bytes = b"") -> None:
        """Publish a version, and have it on the device."""
        self.publish(version, weights=weights)
        (found,) = self.updater().update()
        assert (found.state, found.installed_version) == ("switched", version), found
        if keep:
            self.trials().keep()

    @property
    def running(self) -> str:
        """The version that a node would load now; every byte of it was hashed."""
        return Store(self.state).open(NAME).manifest.version

    def with_options(self, **options: object) -> None:
        self.options = msgspec.structs.replace(self.options, **options)
