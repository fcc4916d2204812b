"""Where an updater works: its directory with the lock, the state, and what was fetched."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from edge_devices.durable import remove, write_file
from edge_runtime.errors import EdgeError, UpdateError
from edge_runtime.updates.contents import Contents
from edge_runtime.updates.state import FILE_NAME, Component, UpdateState, read_state, write_state

DIRECTORY = "updates"  # in the state directory


class Workplace:
    """The directory; one process at a time works in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.chunks = directory / "chunks"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock.

        Raises:
            UpdateError: another process has it, or the directory or disk cannot be used; for every
                OSError inside, too.
        """
        with writing(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (self.directory / "lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as exc:
                    raise UpdateError("another update is under way; try again later") from exc
                yield

    def state(self) -> UpdateState:
        """Return what is remembered; raises UpdateError."""
        return read_state(self.directory / FILE_NAME)

    def write(self, state: UpdateState) -> None:
        """Remember; raises UpdateError."""
        write_state(self.directory / FILE_NAME, state)

    def change(self, name: str, change: Callable[[Component], Component]) -> None:
        """Remember something else of a component; raises UpdateError."""
        state = self.state()
        self.write(state.with_component(name, change(state.component(name))))

    def keep_contents(self, name: str, place: str, contents: Contents) -> None:
        """Keep what the trial of a version needs; raises OSError."""
        write_file(self._contents(name, place), msgspec.json.encode(contents))

    def kept_contents(self, name: str, place: str) -> Contents | None:
        """Return the contents of what is in a place, None where they are not known."""
        try:
            return msgspec.json.decode(self._contents(name, place).read_bytes(), type=Contents)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def drop_contents(self, name: str, place: str) -> None:
        """Delete what was kept of a place; raises OSError."""
        remove(self._contents(name, place))

    def _contents(self, name: str, place: str) -> Path:
        return self.directory / f"{name}.{place}.json"


@contextlib.contextmanager
def writing(where: Path) -> Iterator[None]:
    """Say in one line why something cannot be written.

    Raises:
        UpdateError: for every OSError inside that is not one of ours.
    """
    try:
        yield
    except EdgeError:
        raise
    except OSError as exc:
        raise UpdateError(f"{exc.filename or where} cannot be used: {exc.strerror or exc}") from exc
