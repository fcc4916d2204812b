"""The bundles that a node keeps loaded for the commands of its clients: its own and one other."""

from __future__ import annotations

import threading
from pathlib import Path

from edge_runtime.assistant.memory.file import Memory
from edge_runtime.assistant.pipeline import Assistant
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.cli.local_socket.call import DeclinedError
from edge_runtime.errors import BundleError
from edge_runtime.inference.memory import resident_mb
from edge_runtime.settings import Settings

_KEEP_S = 300.0


class OpenBundles:
    """Loads a bundle of the store once; the one before it, and one that rests, is let go.

    A directory is opened by the node only if it is a bundle of its store or the one that it serves:
    a client may name any other, and then reads it itself, with its own rights.
    """

    def __init__(self, settings: Settings, own: Assistant, *, keep_s: float = _KEEP_S) -> None:
        self._settings = settings
        self._own = own
        self._store = Store(settings.state_directory)
        self._keep_s = keep_s
        self._lock = threading.Lock()
        self._other: Assistant | None = None
        self._timer: threading.Timer | None = None

    @property
    def memory(self) -> Memory:
        """What all of them remember."""
        return self._own.memory

    def assistant(self, reference: str | None, directory: Path) -> Assistant:
        """Return the assistant with a bundle; ``directory`` is where a relative path begins.

        Raises:
            DeclinedError: the client has to open it, or to say what is wrong with it.
            BundleError: it cannot be loaded.
        """
        if reference is None:
            return self._own
        found = self._find(reference, directory)
        with self._lock:
            for known in (self._own, self._other):
                if known is not None and _same(known.bundle, found):
                    break
            else:
                known = self._load(reference, found)
            if known is self._other:
                self._keep()
            return known

    def close(self) -> None:
        """Let go of the other bundle."""
        with self._lock:
            self._other = None
            if self._timer is not None:
                self._timer.cancel()

    def _find(self, reference: str, directory: Path) -> Bundle:
        own = self._own.bundle
        if "/" in reference and (directory / reference).resolve() == own.path.resolve():
            return own
        try:
            found = self._store.look(reference)
        except BundleError as exc:
            raise DeclinedError(f"its store has no bundle {reference!r}") from exc
        if "/" in reference or found.path not in set(self._store.directories()):
            raise DeclinedError("it opens bundles of its store only")
        return found

    def _load(self, reference: str, found: Bundle) -> Assistant:
        resources = self._settings.resources(shared=True)
        size_mb = sum(file.size_bytes for file in found.manifest.files) / 1e6
        self._other = None
        if resources.memory_mb and (resident_mb() or 0.0) + size_mb > resources.memory_mb:
            raise DeclinedError(f"{reference} does not fit in the {resources.memory_mb} MB it has")
        opened = self._store.open(reference)
        self._other = Assistant(
            opened,
            self._own.governor,
            resources=resources,
            home=self._settings.home,
            memory=self.memory,
        )
        return self._other

    def _keep(self) -> None:
        """Begin to count how long the other bundle rests."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self._keep_s, self.close)
        self._timer.daemon = True
        self._timer.start()


def _same(one: Bundle, other: Bundle) -> bool:
    return one.path == other.path and one.manifest == other.manifest
