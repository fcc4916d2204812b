"""Where an updater works: its directory with the lock, the state, and what was fetched."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from edge_devices.durable import remove, write_file
from edge_runtime.errors import EdgeError, UpdateError
from edge_runtime.updates.contents import Contents
from edge_runtime.updates.state import FILE_NAME, Component, UpdateState, read_state, write_state

DIRECTORY = "updates"  # in the state directory

_OF_SERVICES = Path("/var/lib/private")  # where systemd has the state of users that it makes up


class Workplace:
    """The directory; one process at a time works in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.chunks = directory / "chunks"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock; nobody else takes updates, tests them or goes back meanwhile.

        Raises:
            UpdateError: another process has it, the state belongs to a service, or the directory or
                disk cannot be used; for every OSError inside, too.
        """
        with writing(self.directory):
            _check_owner(self.directory)
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (self.directory / "lock").open("a+") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as exc:
                    lock.seek(0)
                    holder = lock.read().strip() or "another process"
                    raise UpdateError(
                        f"{holder} works on updates; wait until that has ended"
                    ) from exc
                with contextlib.suppress(OSError):  # a full disk keeps nothing from going back
                    lock.truncate(0)
                    os.write(lock.fileno(), _this_process().encode())
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


def _this_process() -> str:
    verb = " ".join(["edge-run", *sys.argv[1:3]])
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return f"process {os.getpid()} ({verb}, since {since})"


def _check_owner(directory: Path) -> None:
    """See that root leaves nothing that the service which owns the state cannot change later."""
    existing = next(path for path in (directory, *directory.parents) if path.exists()).resolve()
    is_services = existing.is_relative_to(_OF_SERVICES) and existing.stat().st_uid != 0
    if is_services and os.geteuid() == 0:
        raise UpdateError(
            f"{existing} belongs to the service: start it, so that it does this, or run the "
            "command with its rights, see docs/updates.md"
        )


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
