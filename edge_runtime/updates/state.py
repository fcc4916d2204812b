"""What the updater remembers: the newest index, what is installed, what failed, what time it is.

One JSON file, written as a whole. Losing it costs the guard against old indexes, never a bundle.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from edge_devices.durable import write_file
from edge_runtime.assistant.way_back import document_of
from edge_runtime.errors import UpdateError
from edge_runtime.routing.budget import Clock
from edge_runtime.updates.index import Release

FILE_NAME = "state.json"
FORMAT = 1

_MOST_FAILED = 32


class Installed(msgspec.Struct, frozen=True):
    """A release in one of the places."""

    version: str
    serial: int
    contents: str


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one bundle, or of the runtime.

    ``places`` holds the release in place ``a`` and ``b``; ``shipped`` is the newest release that
    turned out to be what the device has of itself, ``shipped_as`` the hash of its manifest.
    ``failed`` are the contents of releases that are not tried again by themselves. ``latest`` is
    the newest offered version.
    """

    places: dict[str, Installed] = {}
    shipped: Installed | None = None
    shipped_as: str = ""
    failed: list[str] = []
    latest: str = ""

    def with_place(self, place: str, release: Installed) -> Component:
        """Return it with a release in a place."""
        return msgspec.structs.replace(self, places={**self.places, place: release})

    def without(self, place: str) -> Component:
        """Return it with nothing in a place."""
        kept = {name: each for name, each in self.places.items() if name != place}
        return msgspec.structs.replace(self, places=kept)

    def with_failed(self, contents: str) -> Component:
        """Return it with one more release that is not tried again."""
        failed = [each for each in self.failed if each != contents]
        return msgspec.structs.replace(self, failed=[*failed, contents][-_MOST_FAILED:])


class Moment(msgspec.Struct, frozen=True):
    """The time that it is at least: when the newest index was signed, plus how long the board ran.

    The wall clock takes no part in it, so that one which was once wrong does no lasting harm.
    """

    known_s: float = 0.0
    clock: Clock = Clock()

    def at(self, boot: str, uptime_s: float) -> Moment:
        """Return it now."""
        clock = self.clock.at(boot, uptime_s)
        return Moment(self.known_s + clock.lived_s - self.clock.lived_s, clock)


class UpdateState(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the file; ``last_error`` is of the last look, ``looked_s`` its time."""

    format: int = FORMAT
    index_version: int = 0
    moment: Moment = Moment()
    components: dict[str, Component] = {}
    looked_s: float | None = None
    last_error: str | None = None

    def component(self, name: str) -> Component:
        """Return what is known of a component."""
        return self.components.get(name, Component())

    def with_component(self, name: str, component: Component) -> UpdateState:
        """Return the state with this known of a component."""
        return msgspec.structs.replace(self, components={**self.components, name: component})


def read_state(path: Path) -> UpdateState:
    """Read the state; an empty one where there is no file.

    Raises:
        UpdateError: it cannot be read, or a newer runtime wrote it.
    """
    try:
        head = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        found = document_of(head, FORMAT)
        if found is None:
            raise UpdateError(
                f"{path}: its format is {head.get('format')!r}, and this runtime reads {FORMAT}; "
                "go back to the runtime that wrote it, or delete it to begin anew"
            )
        return msgspec.convert(found, UpdateState)
    except FileNotFoundError:
        return UpdateState()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as exc:
        said = exc.strerror if isinstance(exc, OSError) else exc
        raise UpdateError(f"{path} cannot be read: {said}; delete it to begin anew") from exc


def write_state(path: Path, state: UpdateState) -> None:
    """Write the state as a whole.

    Raises:
        UpdateError: the disk is full, or the directory cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_file(path, msgspec.json.encode(state))
    except OSError as exc:
        raise UpdateError(f"{path} cannot be written: {exc.strerror}") from exc


def installed(release: Release) -> Installed:
    """Return how a release is remembered."""
    return Installed(release.version, release.serial, release.contents)
